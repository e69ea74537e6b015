#include "vmm/techniques/deprivileged/deprivileged_machine.h"

#include <optional>

#include "vmm/machines/model/model_ring_cpu.h"

namespace ringside::vmm {
namespace {

Result<DeprivilegedVcpu::Parts> make_parts(hw::Machine& machine, unsigned index, const DeprivilegedOptions& options) {
  DeprivilegedVcpu::Parts parts;
  parts.host = options.host;
  hw::Cpu& guest = machine.cpu(index);
  parts.pool = std::make_unique<MonitorMemory>(machine.memory(), HostPhysical(hw::PhysicalMemory::kMonitorStart), machine.memory().monitor_size());
  auto paging = DeprivilegedPaging::create(*parts.pool, guest, options.code, options.edits);
  if (!paging) return paging.error();
  parts.paging = std::move(paging.value());
  parts.paging->set_table_writes(options.table_writes);
  if (options.make_ring) {
    auto ring = options.make_ring(machine, parts.paging->part());
    if (!ring) return ring.error();
    parts.ring = std::move(ring.value());
  } else {
    auto ring = std::make_unique<ModelRingCpu>(machine.memory(), machine.code(), guest, options.sensitive);
    parts.watch = std::make_unique<SensitiveWatch>(guest);
    ring->hardware().observer = ring->hardware().mmu.observer = parts.watch.get();
    parts.processor = &ring->hardware();
    parts.ring = std::move(ring);
  }
  if (options.time == GuestTime::kHost) parts.pace = std::make_unique<HostPace>(machine);
  parts.kernel = options.make_kernel ? options.make_kernel(machine, *parts.paging) : std::make_unique<KernelCode>();
  return parts;
}

}  // namespace

Result<std::unique_ptr<ModelMachine>> create_deprivileged_machine(const DeprivilegedOptions& options) {
  hw::MachineConfig config = options.machine;
  config.monitor_bytes = options.monitor_bytes;
  config.monitor_ram = hw::MonitorRam::kHidden;
  std::optional<Error> failure;
  const auto make_vcpu = [&](hw::Machine& machine, unsigned index) -> std::unique_ptr<ModelVcpu> {
    auto parts = make_parts(machine, index, options);
    if (parts) return std::make_unique<DeprivilegedVcpu>(machine, index, std::move(parts.value()));
    failure = parts.error();
    return std::make_unique<ModelVcpu>(machine, index);
  };
  auto machine = ModelMachine::create(config, make_vcpu);
  if (!machine) return machine.error();
  if (failure) return *failure;
  return machine;
}

}  // namespace ringside::vmm
