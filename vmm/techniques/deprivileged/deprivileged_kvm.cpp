#include "vmm/techniques/deprivileged/deprivileged_kvm.h"

#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"

namespace ringside::vmm {

Result<std::unique_ptr<ModelMachine>> create_deprivileged_kvm(DeprivilegedOptions options, const std::string& device) {
  options.make_ring = [device](hw::Machine& machine, MonitorPart& part) -> Result<std::unique_ptr<RingCpu>> {
    const RingPages pages = ring_pages([&](uint64_t offset) { return part.machine(offset); });
    auto ring = KvmRingCpu::create(machine.memory(), pages, machine.cpu(0), machine.clock(), device);
    if (!ring) return ring.error();
    return std::move(ring.value());
  };
  options.edits = TableEdits::kTold;
  options.time = GuestTime::kHost;
  auto machine = create_deprivileged_machine(options);
  if (machine) machine.value()->announce_real_processor();
  return machine;
}

}  // namespace ringside::vmm
