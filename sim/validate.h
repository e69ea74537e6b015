// Whether a run makes sense, before anything is built or opened: unknown and not yet existing names, options that contradict
// each other, sizes out of range. Each refusal is one sentence with the value seen and the way out. Called by the runner.
#pragma once

#include "sim/run.h"
#include "vmm/core/machine.h"

namespace ringside::sim {

Result<void> validate(const Run& run);
// The rest of the rules: those that depend on what the machine can do.
Result<void> validate_for(const Run& run, const vmm::Capabilities& capabilities, std::string_view machine);
// And that which depends on what the kernel's file is: a paravirtual kernel and technique pv go together.
Result<void> validate_for(const Run& run, vmm::GuestKind kind);

}  // namespace ringside::sim
