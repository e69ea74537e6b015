// Technique bt on the modelled machine: a deprivileged guest whose kernel runs translated. Called by sim's machine factory and by tests.
#pragma once

#include "vmm/techniques/bt/engine.h"
#include "vmm/techniques/deprivileged/deprivileged_machine.h"

namespace ringside::vmm {

struct BtOptions {
  hw::MachineConfig machine;                // monitor_bytes is set from monitor_bytes below
  uint64_t monitor_bytes = 128ull << 20;    // cap of all that the monitor keeps: shadow tables and the translation cache
  bt::EngineOptions engine;
};

Result<std::unique_ptr<ModelMachine>> create_bt_machine(const BtOptions& options);

}  // namespace ringside::vmm
