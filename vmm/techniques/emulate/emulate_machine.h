// Technique `emulate`: nothing of the guest ever runs on a processor; the monitor interprets each of its instructions. The interpreter is the
// modelled CPU's (hwmodel/exec), here the monitor's engine. So what the guest sees is native's, and what differs is who spends the time:
//
//   on `model`  prices of an interpreter: dispatch for each instruction, a software TLB for each memory operand, all of it the monitor's
//               (cost/cost_table.h). In fast mode time is counted in instructions, as under every technique.
//   on `kvm`    the same program on the host's own CPU, by the host's clock. /dev/kvm is not used; it need not exist.
// Called by sim's machine factory.
#pragma once

#include <memory>

#include "vmm/machines/model/model_machine.h"

namespace ringside::vmm {

enum class EmulateOn : uint8_t { kModel, kHost };

struct EmulateOptions {
  hw::MachineConfig machine;   // executor is set
  EmulateOn on = EmulateOn::kModel;
};

Result<std::unique_ptr<ModelMachine>> create_emulate_machine(const EmulateOptions& options);

}  // namespace ringside::vmm
