// x87 moves of real numbers: FLD, FST, FSTP, the constants, FXCH, FCMOVcc. Integers and packed decimals: x87_integer_move.
#include "hwmodel/exec/x87_host.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

// --- loads -------------------------------------------------------------------------------------------------------------------------
template <class T, HostResult (*host)(uint16_t, T)>
bool load_real(Cpu& cpu, const Uop* op) {
  T memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  FpuState& f = cpu.fpu;
  if (!is_empty(f, 7)) {
    if (stack_fault(f, StackFault::kOverflow)) push(f, kIndefinite);
    return true;
  }
  // A denormal is loaded even if its exception is unmasked; only an invalid operand keeps the stack as it is.
  const HostResult r = host(static_cast<uint16_t>(f.control | kDe), memory);
  if (accept(f, r.status, kIe)) push(f, r.value);
  return true;
}
// The extended format is copied as it is, without looking at what it means.
struct Extended { uint8_t byte[10]; };
bool load_extended(Cpu& cpu, const Uop* op) {
  Extended memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register value = kIndefinite;
  if (!is_empty(f, 7)) {
    if (!stack_fault(f, StackFault::kOverflow)) return true;
  } else {
    set_condition(f, kC1, 0);
    std::memcpy(&value.mantissa, memory.byte, 8);
    std::memcpy(&value.sign_exponent, memory.byte + 8, 2);
  }
  push(f, value);
  return true;
}
bool load_register(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register value = kIndefinite;
  if (is_empty(f, op->src)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else if (!is_empty(f, 7)) {
    if (!stack_fault(f, StackFault::kOverflow)) return true;
  } else {
    set_condition(f, kC1, 0);
    value = st(f, op->src);
  }
  push(f, value);
  return true;
}
bool bind_load(const Decoded& d, Uop& u) {
  if (!has_memory(d)) return bind_stack<load_register>(d, u);
  note_opcode(d, u);
  switch (opcode_byte(d)) {
    case 0xd9: u.fn = handler<load_real<uint32_t, host_load_m32>>; return true;
    case 0xdd: u.fn = handler<load_real<uint64_t, host_load_m64>>; return true;
    case 0xdb: u.fn = handler<load_extended>; return true;
    default: return false;
  }
}

// --- constants: 66-bit values rounded to 64 as RC says [SDM 1 8.3.8, SDM 2A 3.2 FLD1] ------------------------------------------------
struct Constant {
  uint64_t truncated;
  uint16_t exponent;
  bool nearest_up;   // to-nearest rounds it up
  bool inexact;
};
constexpr Constant kConstantOne{0x8000000000000000ull, 0x3fff, false, false}, kConstantZero{0, 0, false, false},
    kLog2Of10{0xd49a784bcd1b8afeull, 0x4000, false, true}, kLog2OfE{0xb8aa3b295c17f0bbull, 0x3fff, true, true},
    kPi{0xc90fdaa22168c234ull, 0x4000, true, true}, kLog10Of2{0x9a209a84fbcff798ull, 0x3ffd, true, true},
    kLogEOf2{0xb17217f7d1cf79abull, 0x3ffe, true, true};

template <const Constant& constant>
bool load_constant(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register value = kIndefinite;
  if (!is_empty(f, 7)) {
    if (!stack_fault(f, StackFault::kOverflow)) return true;
  } else {
    set_condition(f, kC1, 0);
    const Rounding mode = rounding(f);
    const bool up = constant.inexact && (mode == Rounding::kUp || (mode == Rounding::kNearest && constant.nearest_up));
    value = {constant.truncated + (up ? 1 : 0), constant.exponent};
  }
  push(f, value);
  return true;
}

// --- stores ------------------------------------------------------------------------------------------------------------------------
enum class Pop { kNo, kYes };

// What a masked store of an empty register writes.
constexpr uint32_t kIndefiniteM32 = 0xffc00000;
constexpr uint64_t kIndefiniteM64 = 0xfff8000000000000ull;
// Unmasked overflow and underflow also keep a store to memory from happening [SDM 1 8.5.4].
constexpr uint16_t kStopStore = kIe | kDe | kZe | kOe | kUe;

template <class T, uint16_t (*host)(uint16_t, const X87Register&, T&), T indefinite, Pop popping>
bool store_real(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  FpuState& f = cpu.fpu;
  const bool empty = is_empty(f, 0);
  T memory = indefinite;
  const uint16_t status = empty ? static_cast<uint16_t>(kIe) : host(f.control, st(f, 0), memory);
  const bool stores = !unmasked(f, status & kStopStore);
  if (stores ? !store(cpu, op, memory) : !probe_operand(cpu, op, sizeof memory)) return false;
  note_operand(cpu, op);
  if (empty) stack_fault(f, StackFault::kUnderflow);
  else accept(f, status);
  if (stores && popping == Pop::kYes) pop(f);
  return true;
}
bool store_extended(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  FpuState& f = cpu.fpu;
  const bool empty = is_empty(f, 0);
  const X87Register value = empty ? kIndefinite : st(f, 0);
  const bool stores = !empty || !unmasked(f, kIe);
  Extended memory;
  std::memcpy(memory.byte, &value.mantissa, 8);
  std::memcpy(memory.byte + 8, &value.sign_exponent, 2);
  if (stores ? !store(cpu, op, memory) : !probe_operand(cpu, op, sizeof memory)) return false;
  note_operand(cpu, op);
  if (empty) stack_fault(f, StackFault::kUnderflow);
  else set_condition(f, kC1, 0);
  if (stores) pop(f);
  return true;
}
template <Pop popping>
bool store_register(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  X87Register value = kIndefinite;
  if (is_empty(f, 0)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
  } else {
    set_condition(f, kC1, 0);
    value = st(f, 0);
  }
  put(f, op->src, value);
  if (popping == Pop::kYes) pop(f);
  return true;
}
// The undocumented alias D9 D8+i: an empty ST(0) is popped without being copied, and without a stack fault.
bool store_unchecked(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  set_condition(cpu.fpu, kC1, 0);
  if (!is_empty(cpu.fpu, 0)) put(cpu.fpu, op->src, st(cpu.fpu, 0));
  pop(cpu.fpu);
  return true;
}
template <Pop popping>
bool bind_store(const Decoded& d, Uop& u) {
  if (!has_memory(d)) return bind_stack<store_register<popping>>(d, u);
  note_opcode(d, u);
  switch (opcode_byte(d)) {
    case 0xd9: u.fn = handler<store_real<uint32_t, host_store_m32, kIndefiniteM32, popping>>; return true;
    case 0xdd: u.fn = handler<store_real<uint64_t, host_store_m64, kIndefiniteM64, popping>>; return true;
    case 0xdb: u.fn = handler<store_extended>; return true;
    default: return false;
  }
}

// --- register to register -----------------------------------------------------------------------------------------------------------
bool fxch(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  const bool empty0 = is_empty(f, 0), empty_i = is_empty(f, op->src);
  if ((empty0 || empty_i) && !stack_fault(f, StackFault::kUnderflow)) return true;
  if (!empty0 && !empty_i) set_condition(f, kC1, 0);
  const X87Register a = empty0 ? kIndefinite : st(f, 0), b = empty_i ? kIndefinite : st(f, op->src);
  put(f, 0, b);
  put(f, op->src, a);
  return true;
}

enum class Test { kBelow, kEqual, kBelowEqual, kUnordered };
enum class Wanted { kSet, kClear };
template <Test test, Wanted wanted>
bool fcmov(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0) || is_empty(f, op->src)) {
    if (stack_fault(f, StackFault::kUnderflow)) put(f, 0, kIndefinite);
    return true;
  }
  const LazyFlags& a = cpu.arithmetic;
  const bool holds = test == Test::kBelow ? a.cf() : test == Test::kEqual ? a.zf() : test == Test::kBelowEqual ? a.cf() || a.zf() : a.pf();
  if (holds == (wanted == Wanted::kSet)) put(f, 0, st(f, op->src));
  return true;
}

constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FLD, "SDM 2A 3.2 FLD", bind_load),
    row(ZYDIS_MNEMONIC_FLD1, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kConstantOne>>),
    row(ZYDIS_MNEMONIC_FLDZ, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kConstantZero>>),
    row(ZYDIS_MNEMONIC_FLDL2T, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kLog2Of10>>),
    row(ZYDIS_MNEMONIC_FLDL2E, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kLog2OfE>>),
    row(ZYDIS_MNEMONIC_FLDPI, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kPi>>),
    row(ZYDIS_MNEMONIC_FLDLG2, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kLog10Of2>>),
    row(ZYDIS_MNEMONIC_FLDLN2, "SDM 2A 3.2 FLD1", bind_stack<load_constant<kLogEOf2>>),
    row(ZYDIS_MNEMONIC_FST, "SDM 2A 3.2 FST", bind_store<Pop::kNo>),
    row(ZYDIS_MNEMONIC_FSTP, "SDM 2A 3.2 FST", bind_store<Pop::kYes>),
    row(ZYDIS_MNEMONIC_FSTPNCE, "SDM 2A 3.2 FST", bind_stack<store_unchecked>),
    row(ZYDIS_MNEMONIC_FXCH, "SDM 2A 3.2 FXCH", bind_stack<fxch>),
    row(ZYDIS_MNEMONIC_FCMOVB, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kBelow, Wanted::kSet>>),
    row(ZYDIS_MNEMONIC_FCMOVE, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kEqual, Wanted::kSet>>),
    row(ZYDIS_MNEMONIC_FCMOVBE, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kBelowEqual, Wanted::kSet>>),
    row(ZYDIS_MNEMONIC_FCMOVU, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kUnordered, Wanted::kSet>>),
    row(ZYDIS_MNEMONIC_FCMOVNB, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kBelow, Wanted::kClear>>),
    row(ZYDIS_MNEMONIC_FCMOVNE, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kEqual, Wanted::kClear>>),
    row(ZYDIS_MNEMONIC_FCMOVNBE, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kBelowEqual, Wanted::kClear>>),
    row(ZYDIS_MNEMONIC_FCMOVNU, "SDM 2A 3.2 FCMOVcc", bind_stack<fcmov<Test::kUnordered, Wanted::kClear>>),
};

}  // namespace

std::span<const InstructionInfo> move_rows() { return kRows; }

}  // namespace ringside::hw::x87
