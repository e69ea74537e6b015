#include "hwmodel/exec/integer.h"

#include <vector>

namespace ringside::hw {

std::span<const InstructionInfo> integer_instructions() {
  static const auto rows = [] {
    std::vector<InstructionInfo> all;
    for (const auto part : {integer_alu_rows(), integer_move_rows(), integer_shift_rows(), integer_multiply_rows(), integer_bit_rows(),
                            integer_stack_rows(), integer_string_rows(), integer_decimal_rows(), integer_misc_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace ringside::hw
