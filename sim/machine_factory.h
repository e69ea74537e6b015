// The one place that knows which machines exist and how each is made and watched. Called by the runner.
#pragma once

#include <memory>

#include "sim/run.h"
#include "traces/write/writer.h"
#include "vmm/core/machine.h"
#include "vmm/machines/model/model_machine.h"

namespace ringside::sim {

// A machine and whatever has to live beside it.
class BuiltMachine {
 public:
  virtual ~BuiltMachine() = default;
  virtual vmm::Machine& machine() = 0;
  // The same where it is the modelled one, whose time can be told how to run; else null.
  virtual vmm::ModelMachine* model() { return nullptr; }
  // Has what happens inside the machine, below the level of exits, recorded too; nothing on machines that show only exits.
  // The writer must outlive this object.
  virtual void record_inside(traces::Writer& writer, traces::TraceLevel level) = 0;
  // The host as far as it matters to the result; "" on a deterministic machine, whose trace must not depend on it.
  virtual std::string host() const = 0;
};

// `run` has been validated. RINGSIDE_KVM_DEVICE in the environment names another device than /dev/kvm.
Result<std::unique_ptr<BuiltMachine>> build_machine(const Run& run);

}  // namespace ringside::sim
