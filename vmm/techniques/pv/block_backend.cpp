#include "vmm/techniques/pv/block_backend.h"

#include <cstring>

namespace ringside::vmm::pv {

BlockBackend::Served BlockBackend::serve() {
  Served served;
  const uint32_t produced = __atomic_load_n(&ring_.req_prod, __ATOMIC_ACQUIRE);
  if (produced - taken_ > kPvBlockRingSize) {  // more than there are slots: nothing in there can be meant
    ++broken_;
    taken_ = answered_ = produced;
    __atomic_store_n(&ring_.rsp_prod, answered_, __ATOMIC_RELEASE);
    return served;
  }
  const uint32_t before = answered_;
  while (taken_ != produced) {
    pv_block_slot& slot = ring_.slot[taken_++ % kPvBlockRingSize];
    pv_block_request request;
    std::memcpy(&request, &slot.request, sizeof request);
    asm volatile("" ::: "memory");  // the compiler may not look into the ring again instead of into the copy
    uint64_t sectors = 0;
    const pv_block_response response{.id = request.id, .operation = request.operation, .pad = 0, .status = carry_out(request, sectors)};
    std::memcpy(&ring_.slot[answered_++ % kPvBlockRingSize].response, &response, sizeof response);
    ++served.requests;
    served.sectors += sectors;
  }
  __atomic_store_n(&ring_.rsp_prod, answered_, __ATOMIC_RELEASE);
  __atomic_store_n(&ring_.req_event, taken_ + 1, __ATOMIC_RELEASE);
  const uint32_t event = __atomic_load_n(&ring_.rsp_event, __ATOMIC_ACQUIRE);
  served.notify = answered_ - event < answered_ - before;
  return served;
}

int16_t BlockBackend::carry_out(const pv_block_request& request, uint64_t& sectors) {
  switch (request.operation) {
    case kPvBlockRead:
    case kPvBlockWrite: break;
    case kPvBlockFlush: return kPvBlockOkay;
    default: return kPvBlockNotSupported;
  }
  if (request.segments == 0 || request.segments > kPvBlockSegments) return kPvBlockError;
  uint64_t sector = request.sector;
  for (unsigned i = 0; i < request.segments; ++i) {
    const pv_block_segment& segment = request.segment[i];
    if (segment.first_sector > segment.last_sector || segment.last_sector >= kPageSize / kPvSectorBytes) return kPvBlockError;
    if (!transfer(request, segment, sector)) return kPvBlockError;
    const unsigned count = segment.last_sector - segment.first_sector + 1u;
    sector += count;
    sectors += count;
  }
  return kPvBlockOkay;
}

// Data the device reads may lie in any frame of the guest; data it writes only where the guest could write itself.
bool BlockBackend::transfer(const pv_block_request& request, const pv_block_segment& segment, uint64_t sector) {
  const MachineFrame frame(segment.frame);
  if (!paging_.frames().guest(frame)) return false;
  const std::span<uint8_t> bytes(paging_.frames().host(frame) + segment.first_sector * kPvSectorBytes,
                                 (segment.last_sector - segment.first_sector + 1u) * kPvSectorBytes);
  if (request.operation == kPvBlockWrite) return store_.write(sector, bytes);
  if (paging_.hold(frame, FrameType::kWritable) != Answer::kDone) return false;
  const bool done = store_.read(sector, bytes);
  paging_.stored(bytes.data(), static_cast<unsigned>(bytes.size()));
  paging_.release(frame, FrameType::kWritable);
  return done;
}

}  // namespace ringside::vmm::pv
