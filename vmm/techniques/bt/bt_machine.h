// Technique bt: a deprivileged guest whose kernel runs translated, on the modelled machine or, through deprivileged_kvm, on the real one. Called
// by sim's machine factory and by tests.
#pragma once

#include "vmm/techniques/bt/engine.h"
#include "vmm/techniques/deprivileged/deprivileged_machine.h"

namespace ringside::vmm {

struct BtOptions : DeprivilegedOptions {  // `code` and `make_kernel` are set here
  bt::EngineOptions engine;
  bt::EngineObserver* observer = nullptr;   // outlives the machine
};

// What a deprivileged machine has to be made with.
DeprivilegedOptions deprivileged_by_bt(const BtOptions& options);
// On the modelled machine.
Result<std::unique_ptr<ModelMachine>> create_bt_machine(const BtOptions& options);

}  // namespace ringside::vmm
