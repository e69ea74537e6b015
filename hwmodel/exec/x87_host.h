// x87 arithmetic on the host's x87 unit, which every x86-64 CPU computes bit for bit alike (transcendental functions excepted:
// those are not here). Each function loads the operands, sets the guest's control word, does one instruction, reads the status
// and leaves the host's unit as the ABI wants it. Unmasked exceptions stay inside: no waiting instruction follows before FNINIT.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::hw::x87 {

struct HostResult {
  X87Register value;     // meaningless where an unmasked exception kept the instruction from completing
  uint16_t status = 0;   // exception flags, C3..C0; TOP is the host's
};

enum class Arithmetic { kAdd, kMultiply, kSubtract, kSubtractReversed, kDivide, kDivideReversed };

// st0 op st1, or st0 op memory (float, double, 16- and 32-bit integer bits).
HostResult host_arithmetic(Arithmetic op, uint16_t control, const X87Register& st0, const X87Register& st1);
HostResult host_arithmetic_m32(Arithmetic op, uint16_t control, const X87Register& st0, uint32_t memory);
HostResult host_arithmetic_m64(Arithmetic op, uint16_t control, const X87Register& st0, uint64_t memory);
HostResult host_arithmetic_i16(Arithmetic op, uint16_t control, const X87Register& st0, uint16_t memory);
HostResult host_arithmetic_i32(Arithmetic op, uint16_t control, const X87Register& st0, uint32_t memory);

enum class Unary { kSqrt, kRound, kScale, kRemainder, kRemainder1 };  // the last three use st1 too
HostResult host_unary(Unary op, uint16_t control, const X87Register& st0, const X87Register& st1);
// FXTRACT: value is the significand, `exponent` what goes below it.
HostResult host_extract(uint16_t control, const X87Register& st0, X87Register& exponent);

enum class Comparison { kOrdered, kUnordered };  // FCOM, FUCOM
HostResult host_compare(Comparison op, uint16_t control, const X87Register& st0, const X87Register& st1);
HostResult host_compare_m32(uint16_t control, const X87Register& st0, uint32_t memory);
HostResult host_compare_m64(uint16_t control, const X87Register& st0, uint64_t memory);
HostResult host_compare_i16(uint16_t control, const X87Register& st0, uint16_t memory);
HostResult host_compare_i32(uint16_t control, const X87Register& st0, uint32_t memory);

// Loads from memory formats.
HostResult host_load_m32(uint16_t control, uint32_t memory);
HostResult host_load_m64(uint16_t control, uint64_t memory);
HostResult host_load_integer(int64_t value);

// Stores to memory formats: `memory` is unchanged where an unmasked exception stopped the store. Returns the status.
uint16_t host_store_m32(uint16_t control, const X87Register& st0, uint32_t& memory);
uint16_t host_store_m64(uint16_t control, const X87Register& st0, uint64_t& memory);
uint16_t host_store_i16(uint16_t control, const X87Register& st0, uint16_t& memory);
uint16_t host_store_i32(uint16_t control, const X87Register& st0, uint32_t& memory);
uint16_t host_store_i64(uint16_t control, const X87Register& st0, uint64_t& memory);
struct PackedDecimal { uint8_t byte[10]; };
uint16_t host_store_decimal(uint16_t control, const X87Register& st0, PackedDecimal& memory);

}  // namespace ringside::hw::x87
