// x87 arithmetic: the four operations in their register, popping and memory forms, FSQRT, FRNDINT, FSCALE, FPREM, FPREM1,
// FXTRACT, FABS, FCHS. Numbers come from the host's x87 unit (x87_host.h); the stack and the exceptions are handled here.
#include <bit>

#include "hwmodel/exec/x87_host.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

enum class Pop { kNo, kYes };

// --- ST(dst) = ST(dst) op ST(src) ------------------------------------------------------------------------------------------------
template <Arithmetic arithmetic, Pop popping>
bool register_form(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register result = kIndefinite;
  if (is_empty(f, op->dst) || is_empty(f, op->src)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else {
    const HostResult r = host_arithmetic(arithmetic, f.control, st(f, op->dst), st(f, op->src));
    if (!accept(f, r.status)) return true;
    result = r.value;
  }
  put(f, op->dst, result);
  if (popping == Pop::kYes) pop(f);
  return true;
}

// --- ST(0) = ST(0) op memory -------------------------------------------------------------------------------------------------------
template <Arithmetic arithmetic, class T, HostResult (*host)(Arithmetic, uint16_t, const X87Register&, T)>
bool memory_form(Cpu& cpu, const Uop* op) {
  T memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0)) {
    if (stack_fault(f, StackFault::kUnderflow)) put(f, 0, kIndefinite);
    return true;
  }
  const HostResult r = host(arithmetic, f.control, st(f, 0), memory);
  if (accept(f, r.status)) put(f, 0, r.value);
  return true;
}

// D8: ST(0) op ST(i) or m32; DC: ST(i) op ST(0) or m64; DE: the same and pop, or m16 integer; DA: m32 integer.
template <Arithmetic a>
bool bind_arithmetic(const Decoded& d, Uop& u) {
  note_opcode(d, u);
  if (has_memory(d)) {
    switch (opcode_byte(d)) {
      case 0xd8: u.fn = handler<memory_form<a, uint32_t, host_arithmetic_m32>>; return true;
      case 0xdc: u.fn = handler<memory_form<a, uint64_t, host_arithmetic_m64>>; return true;
      case 0xda: u.fn = handler<memory_form<a, uint32_t, host_arithmetic_i32>>; return true;
      case 0xde: u.fn = handler<memory_form<a, uint16_t, host_arithmetic_i16>>; return true;
      default: return false;
    }
  }
  const uint8_t i = stack_index(d);
  u.dst = opcode_byte(d) == 0xd8 ? 0 : i;
  u.src = opcode_byte(d) == 0xd8 ? i : 0;
  u.fn = opcode_byte(d) == 0xde ? handler<register_form<a, Pop::kYes>> : handler<register_form<a, Pop::kNo>>;
  return true;
}

// --- one operand (FSCALE: and ST(1)) -----------------------------------------------------------------------------------------------
template <Unary unary>
bool unary_form(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0) || (unary == Unary::kScale && is_empty(f, 1))) {
    if (stack_fault(f, StackFault::kUnderflow)) put(f, 0, kIndefinite);
    return true;
  }
  const HostResult r = host_unary(unary, f.control, st(f, 0), unary == Unary::kScale ? st(f, 1) : kPositiveZero);
  if (accept(f, r.status)) put(f, 0, r.value);
  return true;
}

// --- FPREM, FPREM1 -----------------------------------------------------------------------------------------------------------------
// A finite non-zero number as significand with bit 63 set and the exponent of that bit.
struct Normalized {
  uint64_t significand;
  int exponent;
};
Normalized normalize(const X87Register& x) {
  const int shift = std::countl_zero(x.mantissa), exponent = x.sign_exponent & 0x7fff;
  return {x.mantissa << shift, (exponent == 0 ? 1 : exponent) - shift};
}

// Exponents 64 or more apart: a partial remainder, reduced by 2^N for an implementation-defined N of 32 to 63 and C2 set
// [SDM 2A 3.2 FPREM]. MODEL: N = 32 + (D mod 32) on every host. It is exact: a modulo b * 2^(D - N), whose quotient is below 2^64.
HostResult partial_remainder(uint16_t control, const X87Register& a, const X87Register& b) {
  const Normalized x = normalize(a), y = normalize(b);
  const int difference = x.exponent - y.exponent, exponent = x.exponent - (32 | (difference & 31));
  X87Register scaled{y.significand, static_cast<uint16_t>(exponent)};
  if (exponent <= 0) scaled = {y.significand >> (1 - exponent), 0};  // only zeros are shifted out: b was denormal
  HostResult r = host_unary(Unary::kRemainder, control, a, scaled);
  if (classify(b) == Class::kDenormal) r.status |= kDe;
  r.status = static_cast<uint16_t>((r.status & ~(kC0 | kC1 | kC3)) | kC2);
  return r;
}
bool finite_nonzero(const X87Register& x) {
  const Class c = classify(x);
  return c == Class::kNormal || c == Class::kDenormal;
}
// C2 and C1 are cleared in any case; C0, C3, C1 get the quotient's low bits only where there is a quotient.
template <Unary unary>
bool remainder(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  set_condition(f, kC2, 0);
  if (is_empty(f, 0) || is_empty(f, 1)) {
    if (stack_fault(f, StackFault::kUnderflow)) put(f, 0, kIndefinite);
    return true;
  }
  const X87Register a = st(f, 0), b = st(f, 1);
  const bool far = finite_nonzero(a) && finite_nonzero(b) && normalize(a).exponent - normalize(b).exponent >= 64;
  const HostResult r = far ? partial_remainder(f.control, a, b) : host_unary(unary, f.control, a, b);
  const bool quotient = !is_special(classify(a)) && !is_special(classify(b)) && !(r.status & kIe);
  if (!accept(f, r.status & static_cast<uint16_t>(~kC1))) return true;
  if (quotient) set_condition(f, kC0 | kC1 | kC2 | kC3, r.status);
  put(f, 0, r.value);
  return true;
}

bool fxtract(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register significand = kIndefinite, exponent = kIndefinite;
  if (is_empty(f, 0)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else if (!is_empty(f, 7)) {
    if (!stack_fault(f, StackFault::kOverflow)) return true;
  } else {
    const HostResult r = host_extract(f.control, st(f, 0), exponent);
    if (!accept(f, r.status)) return true;
    significand = r.value;
  }
  put(f, 0, exponent);
  push(f, significand);
  return true;
}

// FABS and FCHS touch the sign only, whatever the number is.
template <uint16_t keep, uint16_t flip>
bool change_sign(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0)) {
    if (stack_fault(f, StackFault::kUnderflow)) put(f, 0, kIndefinite);
    return true;
  }
  set_condition(f, kC1, 0);
  X87Register& x = st(f, 0);
  x.sign_exponent = static_cast<uint16_t>((x.sign_exponent & keep) ^ flip);
  return true;
}

constexpr CostClass kSlow = CostClass::kX87Slow;
constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FADD, "SDM 2A 3.2 FADD", bind_arithmetic<Arithmetic::kAdd>),
    row(ZYDIS_MNEMONIC_FADDP, "SDM 2A 3.2 FADD", bind_arithmetic<Arithmetic::kAdd>),
    row(ZYDIS_MNEMONIC_FIADD, "SDM 2A 3.2 FADD", bind_arithmetic<Arithmetic::kAdd>),
    row(ZYDIS_MNEMONIC_FMUL, "SDM 2A 3.2 FMUL", bind_arithmetic<Arithmetic::kMultiply>),
    row(ZYDIS_MNEMONIC_FMULP, "SDM 2A 3.2 FMUL", bind_arithmetic<Arithmetic::kMultiply>),
    row(ZYDIS_MNEMONIC_FIMUL, "SDM 2A 3.2 FMUL", bind_arithmetic<Arithmetic::kMultiply>),
    row(ZYDIS_MNEMONIC_FSUB, "SDM 2A 3.2 FSUB", bind_arithmetic<Arithmetic::kSubtract>),
    row(ZYDIS_MNEMONIC_FSUBP, "SDM 2A 3.2 FSUB", bind_arithmetic<Arithmetic::kSubtract>),
    row(ZYDIS_MNEMONIC_FISUB, "SDM 2A 3.2 FSUB", bind_arithmetic<Arithmetic::kSubtract>),
    row(ZYDIS_MNEMONIC_FSUBR, "SDM 2A 3.2 FSUBR", bind_arithmetic<Arithmetic::kSubtractReversed>),
    row(ZYDIS_MNEMONIC_FSUBRP, "SDM 2A 3.2 FSUBR", bind_arithmetic<Arithmetic::kSubtractReversed>),
    row(ZYDIS_MNEMONIC_FISUBR, "SDM 2A 3.2 FSUBR", bind_arithmetic<Arithmetic::kSubtractReversed>),
    row(ZYDIS_MNEMONIC_FDIV, "SDM 2A 3.2 FDIV", bind_arithmetic<Arithmetic::kDivide>, kSlow),
    row(ZYDIS_MNEMONIC_FDIVP, "SDM 2A 3.2 FDIV", bind_arithmetic<Arithmetic::kDivide>, kSlow),
    row(ZYDIS_MNEMONIC_FIDIV, "SDM 2A 3.2 FDIV", bind_arithmetic<Arithmetic::kDivide>, kSlow),
    row(ZYDIS_MNEMONIC_FDIVR, "SDM 2A 3.2 FDIVR", bind_arithmetic<Arithmetic::kDivideReversed>, kSlow),
    row(ZYDIS_MNEMONIC_FDIVRP, "SDM 2A 3.2 FDIVR", bind_arithmetic<Arithmetic::kDivideReversed>, kSlow),
    row(ZYDIS_MNEMONIC_FIDIVR, "SDM 2A 3.2 FDIVR", bind_arithmetic<Arithmetic::kDivideReversed>, kSlow),
    row(ZYDIS_MNEMONIC_FSQRT, "SDM 2A 3.2 FSQRT", bind_stack<unary_form<Unary::kSqrt>>, kSlow),
    row(ZYDIS_MNEMONIC_FRNDINT, "SDM 2A 3.2 FRNDINT", bind_stack<unary_form<Unary::kRound>>),
    row(ZYDIS_MNEMONIC_FSCALE, "SDM 2A 3.2 FSCALE", bind_stack<unary_form<Unary::kScale>>, kSlow),
    row(ZYDIS_MNEMONIC_FPREM, "SDM 2A 3.2 FPREM", bind_stack<remainder<Unary::kRemainder>>, kSlow),
    row(ZYDIS_MNEMONIC_FPREM1, "SDM 2A 3.2 FPREM1", bind_stack<remainder<Unary::kRemainder1>>, kSlow),
    row(ZYDIS_MNEMONIC_FXTRACT, "SDM 2A 3.2 FXTRACT", bind_stack<fxtract>, kSlow),
    row(ZYDIS_MNEMONIC_FABS, "SDM 2A 3.2 FABS", bind_stack<change_sign<0x7fff, 0>>),
    row(ZYDIS_MNEMONIC_FCHS, "SDM 2A 3.2 FCHS", bind_stack<change_sign<0xffff, 0x8000>>),
};

}  // namespace

std::span<const InstructionInfo> arithmetic_rows() { return kRows; }

}  // namespace ringside::hw::x87
