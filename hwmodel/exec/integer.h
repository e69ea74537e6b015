// The files of the integer group, joined by integer_instructions() (isa/decoded.h).
#pragma once

#include <span>

#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

std::span<const InstructionInfo> integer_alu_rows();
std::span<const InstructionInfo> integer_move_rows();
std::span<const InstructionInfo> integer_shift_rows();
std::span<const InstructionInfo> integer_multiply_rows();
std::span<const InstructionInfo> integer_bit_rows();
std::span<const InstructionInfo> integer_stack_rows();
std::span<const InstructionInfo> integer_string_rows();
std::span<const InstructionInfo> integer_decimal_rows();
std::span<const InstructionInfo> integer_misc_rows();

}  // namespace ringside::hw
