// Joins the rows of the SIMD groups.
#include <initializer_list>
#include <vector>

#include "hwmodel/exec/simd_bind.h"

namespace ringside::hw {

std::span<const InstructionInfo> simd_instructions() {
  static const std::vector<InstructionInfo> rows = [] {
    std::vector<InstructionInfo> all;
    for (const auto group : {simd_move_rows(), simd_mask_rows(), simd_lane_rows(), simd_integer_rows(), simd_multiply_rows(), simd_shift_rows(),
                             simd_shuffle_rows(), simd_blend_rows(), simd_float_rows(), simd_compare_rows(), simd_round_rows(),
                             simd_convert_rows(), simd_string_rows(), fpu_state_rows()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace ringside::hw
