#include "hwmodel/exec/x87_quad.h"

#include <bit>

#include "hwmodel/exec/x87_stack.h"

// libm's functions under names of ours: <math.h> declares them for a type that not every compiler here knows in C++.
__float128 quad_sine(__float128) noexcept __asm__("sinf128");
__float128 quad_cosine(__float128) noexcept __asm__("cosf128");
__float128 quad_arc_tangent(__float128, __float128) noexcept __asm__("atan2f128");
__float128 quad_log(__float128) noexcept __asm__("logf128");
__float128 quad_log2(__float128) noexcept __asm__("log2f128");
__float128 quad_log_plus_one(__float128) noexcept __asm__("log1pf128");
__float128 quad_exponential_minus_one(__float128) noexcept __asm__("expm1f128");
__float128 quad_scale(__float128, int) noexcept __asm__("ldexpf128");

namespace ringside::hw::x87 {
namespace {

using U128 = unsigned __int128;
constexpr int kFractionBits = 112, kQuadBias = 16383;
// Below 2^kTiny a function that starts like its argument differs from it by less than the 128 bits of Wide can hold.
constexpr int kTiny = -64;

// pi / 2 = kHalfPi * 2^-65: the first 66 bits of 0.C90FDAA22168C234C * 4.
constexpr U128 kHalfPi = U128{0x3} << 64 | 0x243f6a8885a308d3ull;
constexpr int kPiScale = 65;

// |x| modulo pi/2, brought to [-pi/4, pi/4], and the quadrant.
struct Reduced {
  Quad angle;
  unsigned quadrant;
};
Reduced reduce(const X87Register& x) {
  const Wide w = widen(x);
  const auto significand = static_cast<uint64_t>(w.significand >> 64);
  // |x| = significand * 2^(exponent - 63), in units of 2^-65: significand shifted left by exponent + 2.
  const int shift = w.exponent - 63 + kPiScale;
  if (shift < 0) return {quad_scale(static_cast<Quad>(significand), w.exponent - 63), 0};   // |x| < 1/2
  U128 rest = 0;
  unsigned quotient = 0;
  for (int bit = 63 + shift; bit >= 0; --bit) {
    rest = rest << 1 | (bit >= shift ? significand >> (bit - shift) & 1 : 0);
    quotient <<= 1;
    if (rest >= kHalfPi) {
      rest -= kHalfPi;
      quotient |= 1;
    }
  }
  Quad angle = static_cast<Quad>(rest);
  if (rest > kHalfPi / 2) {
    angle -= static_cast<Quad>(kHalfPi);
    ++quotient;
  }
  return {quad_scale(angle, -kPiScale), quotient & 3};
}

int exponent_of(const X87Register& x) { return widen(x).exponent; }
// x * 2^-exponent_of(x), in [1, 2) but for the sign.
Quad fraction_of(const X87Register& x) {
  const Wide w = widen(x);
  const Quad magnitude = quad_scale(static_cast<Quad>(static_cast<uint64_t>(w.significand >> 64)), -63);
  return w.negative ? -magnitude : magnitude;
}

}  // namespace

Quad to_quad(const X87Register& x) {
  Quad magnitude = 0;
  const Class c = classify(x);
  if (c == Class::kInfinity) {
    magnitude = static_cast<Quad>(__builtin_inf());
  } else if (c != Class::kZero) {
    const Wide w = widen(x);
    magnitude = quad_scale(static_cast<Quad>(static_cast<uint64_t>(w.significand >> 64)), w.exponent - 63);
  }
  return is_negative(x) ? -magnitude : magnitude;
}

Wide to_wide(Quad value, int scale) {
  const auto bits = std::bit_cast<U128>(value);
  const bool negative = bits >> 127;
  int exponent = static_cast<int>(bits >> kFractionBits & 0x7fff);
  U128 significand = bits & ((U128{1} << kFractionBits) - 1);
  if (exponent != 0) significand |= U128{1} << kFractionBits;
  else exponent = 1;
  significand <<= 127 - kFractionBits;
  while (!(significand >> 127)) {
    significand <<= 1;
    --exponent;
  }
  return {negative, exponent - kQuadBias + scale, significand};
}

SineCosine sine_cosine(const X87Register& x) {
  const Reduced r = reduce(x);
  const Quad s = quad_sine(r.angle), c = quad_cosine(r.angle);
  SineCosine out{s, c};
  switch (r.quadrant) {
    case 0: break;
    case 1: out = {c, -s}; break;
    case 2: out = {-s, -c}; break;
    default: out = {-c, s}; break;
  }
  if (is_negative(x)) out.sine = -out.sine;
  return out;
}

Quad tangent(const X87Register& x) {
  const Reduced r = reduce(x);
  const Quad s = quad_sine(r.angle), c = quad_cosine(r.angle);
  const Quad t = r.quadrant & 1 ? -c / s : s / c;
  return is_negative(x) ? -t : t;
}

Wide exponential_minus_one(const X87Register& x) {
  const Quad ln2 = quad_log(static_cast<Quad>(2));
  if (exponent_of(x) < 2 * kTiny) return to_wide(fraction_of(x) * ln2, exponent_of(x));
  const Quad value = to_quad(x);
  if (value == 1) return to_wide(1);
  if (value == -1) return to_wide(static_cast<Quad>(-0.5));
  return to_wide(quad_exponential_minus_one(value * ln2));
}

Wide y_log2(const X87Register& y, const X87Register& x) {
  return to_wide(fraction_of(y) * quad_log2(to_quad(x)), exponent_of(y));
}

Wide y_log2_plus_one(const X87Register& y, const X87Register& x) {
  const Quad ln2 = quad_log(static_cast<Quad>(2));
  if (exponent_of(x) < 2 * kTiny) return to_wide(fraction_of(y) * fraction_of(x) / ln2, exponent_of(y) + exponent_of(x));
  return to_wide(fraction_of(y) * (quad_log_plus_one(to_quad(x)) / ln2), exponent_of(y));
}

Wide arc_tangent(const X87Register& y, const X87Register& x) {
  const Class cy = classify(y), cx = classify(x);
  const bool plain = cy != Class::kZero && cx != Class::kZero && cy != Class::kInfinity && cx != Class::kInfinity;
  // A tiny quotient by a positive x: its own arc tangent, and no denormal arithmetic on the way.
  if (plain && !is_negative(x) && exponent_of(y) - exponent_of(x) < 2 * kTiny) {
    return to_wide(fraction_of(y) / fraction_of(x), exponent_of(y) - exponent_of(x));
  }
  return to_wide(quad_arc_tangent(to_quad(y), to_quad(x)));
}

}  // namespace ringside::hw::x87
