// Technique bt on the modelled machine: a deprivileged guest whose kernel runs translated. Called by sim's machine factory and by tests.
#pragma once

#include "vmm/techniques/bt/engine.h"
#include "vmm/techniques/deprivileged/deprivileged_machine.h"

namespace ringside::vmm {

struct BtOptions : DeprivilegedOptions {  // `code` and `make_kernel` are set here
  bt::EngineOptions engine;
};

Result<std::unique_ptr<ModelMachine>> create_bt_machine(const BtOptions& options);

}  // namespace ringside::vmm
