// Handlers of instructions that do not exist, and of those this model lacks: both raise #UD in the guest; the latter are
// counted and named to the observer, never skipped.
#pragma once

#include "hwmodel/exec/uop.h"

namespace ringside::hw {

const Uop* undefined_instruction(Cpu& cpu, const Uop* op);
const Uop* unimplemented_instruction(Cpu& cpu, const Uop* op);
// More than 15 bytes: #GP(0) [SDM 2A 2.3.11].
const Uop* too_long_instruction(Cpu& cpu, const Uop* op);

}  // namespace ringside::hw
