#include "vmm/techniques/pv/pv_machine.h"

#include <optional>

#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"
#include "vmm/machines/model/model_ring_cpu.h"
#include "vmm/techniques/pv/pv_vcpu.h"

namespace ringside::vmm::pv {
namespace {

Result<PvVcpu::Parts> make_parts(hw::Machine& machine, unsigned index, PvOptions& options) {
  PvVcpu::Parts parts;
  parts.pool = std::make_unique<MonitorMemory>(machine.memory(), HostPhysical(hw::PhysicalMemory::kMonitorStart), machine.memory().monitor_size());
  parts.part = BOOST_OUTCOME_TRYX(MonitorPart::create(*parts.pool, TranslatedCode::kNone));
  if (options.make_ring) parts.ring = BOOST_OUTCOME_TRYX(options.make_ring(machine, *parts.part));
  else parts.ring = std::make_unique<ModelRingCpu>(machine.memory(), machine.code(), machine.cpu(index));
  parts.host = options.host;
  if (options.time == GuestTime::kHost) parts.pace = std::make_unique<HostPace>(machine);
  parts.disk = options.disk ? std::move(options.disk) : std::make_unique<RamDisk>(kDefaultDiskSectors);
  return parts;
}

}  // namespace

Result<std::unique_ptr<ModelMachine>> create_pv_machine(PvOptions& options) {
  hw::MachineConfig config = options.machine;
  config.monitor_bytes = options.monitor_bytes;
  config.monitor_ram = hw::MonitorRam::kHidden;
  std::optional<Error> failure;
  PvVcpu* made = nullptr;
  const auto make_vcpu = [&](hw::Machine& machine, unsigned index) -> std::unique_ptr<ModelVcpu> {
    auto parts = make_parts(machine, index, options);
    if (!parts) {
      failure = parts.error();
      return std::make_unique<ModelVcpu>(machine, index);
    }
    auto vcpu = std::make_unique<PvVcpu>(machine, index, std::move(parts.value()));
    made = vcpu.get();
    return vcpu;
  };
  auto machine = ModelMachine::create(config, make_vcpu);
  if (!machine) return machine.error();
  if (failure) return *failure;
  made->plug_into(machine.value()->bus());
  return machine;
}

Result<std::unique_ptr<ModelMachine>> create_pv_kvm(PvOptions& options, const std::string& device) {
  options.make_ring = [device](hw::Machine& machine, MonitorPart& part) -> Result<std::unique_ptr<RingCpu>> {
    const RingPages pages = ring_pages([&](uint64_t offset) { return part.machine(offset); });
    auto ring = KvmRingCpu::create(machine.memory(), pages, machine.cpu(0), machine.clock(), device);
    if (!ring) return ring.error();
    return std::move(ring.value());
  };
  options.time = GuestTime::kHost;
  auto machine = create_pv_machine(options);
  if (machine) machine.value()->announce_real_processor();
  return machine;
}

}  // namespace ringside::vmm::pv
