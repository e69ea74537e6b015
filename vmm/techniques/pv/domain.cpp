#include "vmm/techniques/pv/domain.h"

namespace ringside::vmm::pv {
namespace {

template <class T>
T& page(const DirectPaging& paging, MachineFrame frame) {
  static_assert(sizeof(T) <= kPageSize);
  return *reinterpret_cast<T*>(paging.frames().host(frame));
}

}  // namespace

Domain::Domain(DirectPaging& paging_, GdtWindow& gdt, const SharedPages& shared, BlockStore* store, DomainHost& host_)
    : paging(paging_), gdt_window(gdt), host(host_), memory(paging), descriptors(paging.frames()),
      events(page<pv_shared_info>(paging, shared.shared_info)), console(page<pv_console_ring>(paging, shared.console_ring)) {
  console_port = events.bind_device();
  if (store && shared.block_ring.value != 0) {
    block.emplace(page<pv_block_ring>(paging, shared.block_ring), *store, paging);
    block_port = events.bind_device();
  }
  events.set_masked(true);
  gdt_window.show({});
  context.segment[hw::kCs] = flat_code64();
  for (const hw::SegmentName name : {hw::kSs, hw::kDs, hw::kEs, hw::kFs, hw::kGs}) context.segment[name] = flat_data();
}

void Domain::notified(uint32_t port) {
  if (port == console_port) {
    if (console.take_output([this](std::span<const char> text) { host.console(text); })) events.raise(console_port);
  } else if (block && port == block_port) {
    const BlockBackend::Served served = block->serve();
    if (served.sectors) host.disk_moved(served.sectors);
    if (served.notify) events.raise(block_port);
  }
}

void Domain::time_is(uint64_t now) {
  if (!cpu.timer || *cpu.timer > now) return;
  cpu.timer.reset();
  events.raise_virq(kPvVirqTimer);
  host.timer_changed();
}

}  // namespace ringside::vmm::pv
