// The monitor's end of the block ring. A request is copied out of the ring once and only the copy is looked at; a frame the device writes
// to is held writable meanwhile, so it cannot be a page table.
#pragma once

#include <cstdint>

#include "vmm/devices/block_store.h"
#include "vmm/paging/direct_paging.h"

namespace ringside::vmm::pv {

class BlockBackend {
 public:
  BlockBackend(pv_block_ring& ring, BlockStore& store, DirectPaging& paging) : ring_(ring), store_(store), paging_(paging) {}

  struct Served {
    unsigned requests = 0;
    uint64_t sectors = 0;
    bool notify = false;  // the guest asked to be told about these responses
  };
  // Serves what is in the ring, at most once around it. The paging must be drained.
  Served serve();
  uint64_t sectors() const { return store_.sectors(); }
  uint64_t broken() const { return broken_; }  // times the indices made no sense

 private:
  int16_t carry_out(const pv_block_request& request, uint64_t& sectors);
  bool transfer(const pv_block_request& request, const pv_block_segment& segment, uint64_t sector);

  pv_block_ring& ring_;
  BlockStore& store_;
  DirectPaging& paging_;
  uint32_t taken_ = 0, answered_ = 0;  // our own indices: the ring's copies are the guest's to spoil
  uint64_t broken_ = 0;
};

}  // namespace ringside::vmm::pv
