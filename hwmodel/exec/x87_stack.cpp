#include "hwmodel/exec/x87_stack.h"

#include <vector>

namespace ringside::hw {

namespace x87 {
Class classify(const X87Register& x) {
  const unsigned exponent = x.sign_exponent & 0x7fff;
  const bool integer_bit = x.mantissa >> 63;
  if (exponent == 0) return x.mantissa == 0 ? Class::kZero : Class::kDenormal;  // pseudo-denormals count as denormal
  if (!integer_bit) return Class::kUnsupported;
  if (exponent != 0x7fff) return Class::kNormal;
  return x.mantissa << 1 == 0 ? Class::kInfinity : Class::kNan;
}
}  // namespace x87

std::span<const InstructionInfo> x87_instructions() {
  static const std::vector<InstructionInfo> rows = [] {
    std::vector<InstructionInfo> all;
    for (const auto group : {x87::arithmetic_rows(), x87::compare_rows(), x87::move_rows(), x87::integer_move_rows(), x87::transcendental_rows(),
                             x87::control_rows(), x87::environment_rows()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace ringside::hw
