// Quadruple precision as the working format of the transcendental functions: glibc's _Float128 functions are plain C, so results do
// not depend on the host's CPU (its long double ones use the x87 instructions this model must not depend on).
#pragma once

#include "hwmodel/exec/x87_round.h"

namespace ringside::hw::x87 {

using Quad = __float128;

// A finite non-zero register, a zero or an infinity.
Quad to_quad(const X87Register& x);
// `value` * 2^scale, finite and non-zero, as a Wide.
Wide to_wide(Quad value, int scale = 0);

// Sine and cosine of a finite non-zero number below 2^63 in magnitude, after reduction by the 66-bit pi of x87 [SDM 1 8.3.8].
struct SineCosine {
  Quad sine, cosine;
};
SineCosine sine_cosine(const X87Register& x);
Quad tangent(const X87Register& x);

// 2^x - 1 for |x| <= 1; y * log2(x) for x > 0; y * log2(x + 1) for x > -1; all arguments finite and non-zero, results non-zero.
Wide exponential_minus_one(const X87Register& x);
Wide y_log2(const X87Register& y, const X87Register& x);
Wide y_log2_plus_one(const X87Register& y, const X87Register& x);
// atan2(y, x), y not zero or x negative.
Wide arc_tangent(const X87Register& y, const X87Register& x);

}  // namespace ringside::hw::x87
