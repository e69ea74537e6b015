// x87 transcendental functions: FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1. Values come from x87_quad; here are the
// special operands [SDM 2A 3.2, the tables of each instruction], the exceptions and the stack.
//
// MODEL: results are correctly rounded but for a few in 2^40, with the rounding mode applied; real CPUs promise 1 ulp and differ from
// each other [SDM 1 8.3.10]. Arguments outside the documented range of F2XM1 give the argument itself; FYL2XP1 is computed for every
// x > -1.
#include "hwmodel/exec/x87_host.h"
#include "hwmodel/exec/x87_quad.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

constexpr uint16_t kNothing = 0;

X87Register signed_value(const X87Register& magnitude, bool negative) {
  return {magnitude.mantissa, static_cast<uint16_t>(magnitude.sign_exponent | (negative ? 0x8000 : 0))};
}
constexpr X87Register kInfinity{0x8000000000000000ull, 0x7fff};

// A NaN or unsupported operand gives what any arithmetic instruction gives for it.
HostResult propagate(const FpuState& f, const X87Register& a, const X87Register& b) { return host_arithmetic(Arithmetic::kAdd, f.control, a, b); }

// The end of a computation: denormal operands first (they may stop it), then rounding, whose exceptions do not.
bool accept_denormal(FpuState& f, bool denormal) { return accept(f, denormal ? kDe : kNothing); }
X87Register accept_rounded(FpuState& f, const Wide& value, Residue residue) {
  const Rounded r = round_wide(value, residue, f.control);
  accept(f, r.status, kNothing);
  return r.value;
}

// --- trigonometric functions of ST(0) ------------------------------------------------------------------------------------------------
enum class Trigonometric { kSine, kCosine, kSineCosine, kTangent };
constexpr bool pushes(Trigonometric t) { return t == Trigonometric::kSineCosine || t == Trigonometric::kTangent; }

struct Pair {
  X87Register first, second;   // ST(0) becomes first; second is pushed by those that push
};

template <Trigonometric t>
Pair of_zero(const X87Register& zero) {
  if (t == Trigonometric::kCosine) return {kOne, kOne};
  return {zero, kOne};
}
template <Trigonometric t>
Pair of_number(FpuState& f, const X87Register& x) {
  const Wide argument = widen(x);
  const bool tiny = argument.exponent < -64;  // sine and tangent are the argument, less or more than any bit kept
  if constexpr (t == Trigonometric::kTangent) {
    return {accept_rounded(f, tiny ? argument : to_wide(tangent(x)), Residue::kAbove), kOne};
  } else {
    const SineCosine value = sine_cosine(x);
    Pair out{};
    const auto cosine = [&] { return accept_rounded(f, to_wide(value.cosine), Residue::kBelow); };
    const auto sine = [&] { return accept_rounded(f, tiny ? argument : to_wide(value.sine), Residue::kBelow); };
    if (t == Trigonometric::kCosine) return {cosine(), {}};
    if (t == Trigonometric::kSineCosine) out.second = cosine();
    out.first = sine();
    return out;
  }
}

template <Trigonometric t>
bool trigonometric(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  set_condition(f, kC2, 0);
  Pair result{kIndefinite, kIndefinite};
  const X87Register x = st(f, 0);
  const Class c = classify(x);
  if (is_empty(f, 0)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else if (pushes(t) && !is_empty(f, 7)) {
    if (!stack_fault(f, StackFault::kOverflow)) return true;
  } else if (is_special(c)) {
    const HostResult r = propagate(f, x, x);
    if (!accept(f, r.status)) return true;
    result = {r.value, r.value};
  } else if (c == Class::kInfinity) {
    if (!accept(f, kIe)) return true;
  } else if (c == Class::kZero) {
    accept(f, kNothing);
    result = of_zero<t>(x);
  } else if (widen(x).exponent >= 63) {
    set_condition(f, kC1 | kC2, kC2);   // out of range: nothing else happens
    return true;
  } else {
    if (!accept_denormal(f, c == Class::kDenormal)) return true;
    result = of_number<t>(f, x);
  }
  put(f, 0, result.first);
  if (pushes(t)) push(f, result.second);
  return true;
}

// --- F2XM1 -----------------------------------------------------------------------------------------------------------------------------
bool f2xm1(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register result = kIndefinite;
  const X87Register x = st(f, 0);
  const Class c = classify(x);
  if (is_empty(f, 0)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else if (is_special(c)) {
    const HostResult r = propagate(f, x, x);
    if (!accept(f, r.status)) return true;
    result = r.value;
  } else if (c == Class::kZero || c == Class::kInfinity) {
    accept(f, kNothing);
    result = c == Class::kInfinity && is_negative(x) ? signed_value(kOne, true) : x;
  } else {
    if (!accept_denormal(f, c == Class::kDenormal)) return true;
    const Wide argument = widen(x);
    const bool in_range = argument.exponent < 0 || (argument.exponent == 0 && argument.significand << 1 == 0);
    if (!in_range) accept(f, kPe, kNothing);
    result = in_range ? accept_rounded(f, exponential_minus_one(x), Residue::kNone) : x;
  }
  put(f, 0, result);
  return true;
}

// --- functions of ST(1) and ST(0), the result replacing both -------------------------------------------------------------------------------
struct Special {
  bool applies = false;
  X87Register value;
  uint16_t status = 0;
};
Special invalid() { return {true, kIndefinite, kIe}; }
Special exact(const X87Register& value) { return {true, value, kNothing}; }

// y times a logarithm that is infinite (zero argument gives minus, infinite argument plus).
Special times_infinity(const X87Register& y, bool negative) { return exact(signed_value(kInfinity, is_negative(y) != negative)); }
// An infinite y times a finite logarithm.
Special infinity_times(const X87Register& y, bool log_is_zero, bool log_is_negative) {
  return log_is_zero ? invalid() : times_infinity(y, log_is_negative);
}

// [SDM 2A 3.2 FYL2X, table 3-58]
Special special_log(const X87Register& y, const X87Register& x) {
  const Class cy = classify(y), cx = classify(x);
  if (cx == Class::kZero) {
    if (cy == Class::kZero) return invalid();
    Special result = times_infinity(y, true);
    if (cy != Class::kInfinity) result.status = kZe;
    return result;
  }
  if (is_negative(x)) return invalid();
  if (cx == Class::kInfinity) return cy == Class::kZero ? invalid() : times_infinity(y, false);
  const bool is_one = x.sign_exponent == kOne.sign_exponent && x.mantissa == kOne.mantissa, below_one = x.sign_exponent < kOne.sign_exponent;
  if (cy == Class::kInfinity) return infinity_times(y, is_one, below_one);
  if (is_one || cy == Class::kZero) return exact(signed_value(kPositiveZero, is_negative(y) != below_one));
  return {};
}
// [SDM 2A 3.2 FYL2XP1, table 3-59]
Special special_log_plus_one(const X87Register& y, const X87Register& x) {
  const Class cy = classify(y), cx = classify(x);
  if (is_negative(x) && cx != Class::kZero && widen(x).exponent >= 0) return invalid();  // x <= -1
  if (cx == Class::kInfinity) return cy == Class::kZero ? invalid() : times_infinity(y, false);
  if (cy == Class::kInfinity) return infinity_times(y, cx == Class::kZero, is_negative(x));
  if (cx == Class::kZero || cy == Class::kZero) return exact(signed_value(kPositiveZero, is_negative(y) != is_negative(x)));
  return {};
}
// [SDM 2A 3.2 FPATAN, table 3-31]: only a zero over something positive is exact.
Special special_arc_tangent(const X87Register& y, const X87Register& x) {
  const Class cy = classify(y), cx = classify(x);
  const bool zero = cy == Class::kZero || (cx == Class::kInfinity && cy != Class::kInfinity);
  return zero && !is_negative(x) ? exact(signed_value(kPositiveZero, is_negative(y))) : Special{};
}

using SpecialCases = Special (*)(const X87Register& y, const X87Register& x);
using Function = Wide (*)(const X87Register& y, const X87Register& x);

template <SpecialCases special_cases, Function function, Residue residue>
bool two_operands(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register result = kIndefinite;
  const X87Register x = st(f, 0), y = st(f, 1);
  if (is_empty(f, 0) || is_empty(f, 1)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else if (is_special(classify(x)) || is_special(classify(y))) {
    const HostResult r = propagate(f, x, y);
    if (!accept(f, r.status)) return true;
    result = r.value;
  } else if (const Special special = special_cases(y, x); special.applies && special.status != kNothing) {
    if (!accept(f, special.status)) return true;
    result = special.value;
  } else {
    if (!accept_denormal(f, classify(x) == Class::kDenormal || classify(y) == Class::kDenormal)) return true;
    result = special.applies ? special.value : accept_rounded(f, function(y, x), residue);
  }
  put(f, 1, result);
  pop(f);
  return true;
}

constexpr CostClass kSlow = CostClass::kX87Slow;
constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FSIN, "SDM 2A 3.2 FSIN", bind_stack<trigonometric<Trigonometric::kSine>>, kSlow),
    row(ZYDIS_MNEMONIC_FCOS, "SDM 2A 3.2 FCOS", bind_stack<trigonometric<Trigonometric::kCosine>>, kSlow),
    row(ZYDIS_MNEMONIC_FSINCOS, "SDM 2A 3.2 FSINCOS", bind_stack<trigonometric<Trigonometric::kSineCosine>>, kSlow),
    row(ZYDIS_MNEMONIC_FPTAN, "SDM 2A 3.2 FPTAN", bind_stack<trigonometric<Trigonometric::kTangent>>, kSlow),
    row(ZYDIS_MNEMONIC_F2XM1, "SDM 2A 3.2 F2XM1", bind_stack<f2xm1>, kSlow),
    row(ZYDIS_MNEMONIC_FPATAN, "SDM 2A 3.2 FPATAN", bind_stack<two_operands<special_arc_tangent, arc_tangent, Residue::kBelow>>, kSlow),
    row(ZYDIS_MNEMONIC_FYL2X, "SDM 2A 3.2 FYL2X", bind_stack<two_operands<special_log, y_log2, Residue::kNone>>, kSlow),
    row(ZYDIS_MNEMONIC_FYL2XP1, "SDM 2A 3.2 FYL2XP1", bind_stack<two_operands<special_log_plus_one, y_log2_plus_one, Residue::kNone>>, kSlow),
};

}  // namespace

std::span<const InstructionInfo> transcendental_rows() { return kRows; }

}  // namespace ringside::hw::x87
