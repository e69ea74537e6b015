// A finite non-zero number with 128 significant bits, and its rounding to the x87 extended format with the exceptions that come
// with it. Used by the transcendental instructions, whose results are computed in quadruple precision.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::hw::x87 {

// Where the true value lies when `significand` looks exact but the function's value is known not to be representable.
enum class Residue : uint8_t { kNone, kBelow, kAbove };

struct Wide {
  bool negative = false;
  int exponent = 0;                  // of the leading bit
  unsigned __int128 significand = 0; // bit 127 set
};

struct Rounded {
  X87Register value;
  uint16_t status = 0;  // UE, OE, PE and C1 (rounded up)
};

// `control`: the x87 control word (rounding mode, overflow and underflow masks). Always to 64 bits: precision control does not
// apply to transcendental functions [SDM 1 8.1.5.2].
Rounded round_wide(Wide value, Residue residue, uint16_t control);

// The 64-bit significand and exponent of a finite non-zero register as a Wide, and quadruple precision both ways.
Wide widen(const X87Register& x);

}  // namespace ringside::hw::x87
