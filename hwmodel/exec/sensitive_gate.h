// The gates before sensitive unprivileged instructions, for code decoded at CPL > 0 on a CPU whose SensitiveTraps is not kAsBuilt. Code
// decoded otherwise has none and pays nothing. Called by the decoder (isa/decoder.h).
#pragma once

#include "hwmodel/isa/decoded.h"
#include "hwmodel/isa/sensitive.h"

namespace ringside::hw {

// Gate of an instruction of this row. False: none, it is not one of them or the CPU runs it as built.
bool bind_sensitive_gate(const InstructionInfo& row, SensitiveTraps traps, const Uop& instruction, Uop& gate);

}  // namespace ringside::hw
