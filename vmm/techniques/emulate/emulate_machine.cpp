#include "vmm/techniques/emulate/emulate_machine.h"

#include "traces/base/text.h"
#include "vmm/techniques/emulate/emulate_vcpu.h"

namespace ringside::vmm {

Result<std::unique_ptr<ModelMachine>> create_emulate_machine(const EmulateOptions& options) {
  hw::MachineConfig config = options.machine;
  config.executor = hw::Executor::kInterpreter;
  const auto make_vcpu = [&](hw::Machine& machine, unsigned index) -> std::unique_ptr<ModelVcpu> {
    if (options.on == EmulateOn::kHost) return std::make_unique<HostPacedVcpu>(machine, index);
    return std::make_unique<EmulateVcpu>(machine, index);
  };
  auto machine = ModelMachine::create(config, make_vcpu);
  if (machine && options.on == EmulateOn::kHost) machine.value()->announce_host_clock("kvm", text::tr("vmm.emulate.without_kvm"));
  return machine;
}

}  // namespace ringside::vmm
