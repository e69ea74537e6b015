#include "vmm/techniques/pv/start.h"

#include <cstring>

#include "traces/base/text.h"

namespace ringside::vmm::pv {
namespace {

Error refuse(std::string_view what) { return fail(ExitCode::kInput, text::tr("vmm.pv.start", what)); }

// The frame behind a page of the start info, held writable by the monitor from now on; frame 0 where there is none.
MachineFrame share(DirectPaging& paging, uint64_t linear) {
  const auto at = paging.translate(linear, DirectPaging::Access::kWrite);
  if (!at || at->value % kPageSize || paging.hold(frame_of(*at), FrameType::kWritable) != Answer::kDone) return {};
  return frame_of(*at);
}

}  // namespace

Result<std::unique_ptr<Domain>> start_domain(DirectPaging& paging, GdtWindow& gdt, BlockStore* store, DomainHost& host, const Registers& registers) {
  paging.refill(~0ull);
  if (paging.load_root(DirectPaging::View::kKernel, frame_of(HostPhysical(registers.cr3))) != Answer::kDone) return refuse("page tables");
  const GuestAccess memory(paging);
  pv_start_info info;
  const uint64_t where = registers.gpr[hw::kRsi];
  if (!memory.read(where, info) || std::memcmp(info.magic, kPvMagic, sizeof kPvMagic) != 0) return refuse("start info");
  const SharedPages shared{share(paging, info.shared_info), share(paging, info.console_ring), store ? share(paging, info.block_ring) : MachineFrame{}};
  if (shared.shared_info.value == 0 || shared.console_ring.value == 0 || (store && shared.block_ring.value == 0)) return refuse("shared pages");

  auto domain = std::make_unique<Domain>(paging, gdt, shared, store, host);
  info.console_port = domain->console_port;
  info.block_port = domain->block_port;
  info.block_sectors = domain->block ? domain->block->sectors() : 0;
  if (!domain->block) info.block_ring = 0;
  if (!memory.write(where, info)) return refuse("start info");
  RingContext& c = domain->context;
  c.gpr = registers.gpr;
  c.rip = registers.rip;
  c.rflags = registers.rflags;
  return domain;
}

}  // namespace ringside::vmm::pv
