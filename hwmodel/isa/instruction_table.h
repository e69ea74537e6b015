// The instruction table: every implemented instruction's row, found by mnemonic. A mnemonic may have several rows (MOV to a
// general, segment or control register are three instructions to us); the first whose bind accepts the form wins.
#pragma once

#include <span>
#include <vector>

#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

// Rows of one mnemonic, in the order the groups list them; empty if none.
std::span<const InstructionInfo* const> instruction_rows(ZydisMnemonic mnemonic);
// All rows, for documentation, the cost model and tests.
std::vector<const InstructionInfo*> all_instructions();

}  // namespace ringside::hw
