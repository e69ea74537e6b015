#include "hwmodel/exec/x87_round.h"

#include <bit>

#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

using U128 = unsigned __int128;
constexpr int kMaxExponent = 16383, kMinExponent = -16382, kBias = 16383;
// What an unmasked overflow or underflow adds to or takes from the exponent [SDM 1 8.5.4, 8.5.5].
constexpr int kScale = 24576;

bool rounds_up(bool negative, bool odd, uint64_t rest, Rounding mode) {
  constexpr uint64_t kHalf = 1ull << 63;
  switch (mode) {
    case Rounding::kNearest: return rest > kHalf || (rest == kHalf && odd);
    case Rounding::kDown: return rest != 0 && negative;
    case Rounding::kUp: return rest != 0 && !negative;
    case Rounding::kZero: return false;
  }
  return false;
}

Rounded overflow(bool negative, Rounding mode) {
  const bool infinite = mode == Rounding::kNearest || (mode == Rounding::kUp && !negative) || (mode == Rounding::kDown && negative);
  const auto sign = static_cast<uint16_t>(negative ? 0x8000 : 0);
  const auto status = static_cast<uint16_t>(kOe | kPe | (infinite ? kC1 : 0));
  if (infinite) return {{0x8000000000000000ull, static_cast<uint16_t>(sign | 0x7fff)}, status};
  return {{~0ull, static_cast<uint16_t>(sign | 0x7ffe)}, status};
}

}  // namespace

Rounded round_wide(Wide v, Residue residue, uint16_t control) {
  const auto mode = static_cast<Rounding>(control >> 10 & 3);
  // The residue moves the value by less than any bit kept: one step below or above in the 128.
  if (residue == Residue::kBelow && static_cast<uint64_t>(v.significand) == 0) {
    const bool power_of_two = v.significand << 1 == 0;
    v.significand = power_of_two ? ~U128{0} : v.significand - 1;
    v.exponent -= power_of_two;
  } else if (residue == Residue::kAbove && static_cast<uint64_t>(v.significand) == 0) {
    v.significand |= 1;
  }
  uint16_t status = 0;
  const auto kept = static_cast<uint64_t>(v.significand >> 64), rest = static_cast<uint64_t>(v.significand);
  // Tininess is judged after rounding with an unbounded exponent [SDM 1 4.9.1.5].
  const bool carries = kept == ~0ull && rounds_up(v.negative, kept & 1, rest, mode);
  const bool tiny = v.exponent + (carries ? 1 : 0) < kMinExponent;
  if (tiny && !(control & kUe)) {
    status |= kUe;
    v.exponent += kScale;
  } else if (v.exponent < kMinExponent) {
    const int shift = kMinExponent - v.exponent;
    const bool sticky = shift >= 128 || (v.significand << (128 - shift)) != 0;
    v.significand = (shift >= 128 ? U128{0} : v.significand >> shift) | (sticky ? 1 : 0);
    v.exponent = kMinExponent;
  }
  auto high = static_cast<uint64_t>(v.significand >> 64);
  const auto low = static_cast<uint64_t>(v.significand);
  if (low != 0) {
    status |= kPe;
    if (tiny) status |= kUe;
  }
  if (rounds_up(v.negative, high & 1, low, mode)) {
    status |= kC1;
    if (++high == 0) {
      high = 0x8000000000000000ull;
      ++v.exponent;
    }
  }
  if (v.exponent > kMaxExponent) {
    if (control & kOe) return overflow(v.negative, mode);
    status |= kOe;
    v.exponent -= kScale;
  }
  const int biased = high >> 63 ? v.exponent + kBias : 0;
  return {{high, static_cast<uint16_t>((v.negative ? 0x8000 : 0) | biased)}, status};
}

Wide widen(const X87Register& x) {
  const int shift = std::countl_zero(x.mantissa), exponent = x.sign_exponent & 0x7fff;
  return {is_negative(x), (exponent == 0 ? 1 : exponent) - kBias - shift, U128{x.mantissa << shift} << 64};
}

}  // namespace ringside::hw::x87
