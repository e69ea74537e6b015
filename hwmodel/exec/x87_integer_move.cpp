// x87 loads and stores of integers and packed decimals: FILD, FIST, FISTP, FISTTP, FBLD, FBSTP.
#include "hwmodel/exec/x87_host.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

// --- loads: always exact ------------------------------------------------------------------------------------------------------------
void push_integer(FpuState& f, int64_t value, bool negative_zero = false) {
  if (!is_empty(f, 7)) {
    if (stack_fault(f, StackFault::kOverflow)) push(f, kIndefinite);
    return;
  }
  set_condition(f, kC1, 0);
  X87Register x = host_load_integer(value).value;
  if (negative_zero) x.sign_exponent |= 0x8000;
  push(f, x);
}
template <class T>
bool load_integer(Cpu& cpu, const Uop* op) {
  T memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  push_integer(cpu.fpu, memory);
  return true;
}
// 18 decimal digits, two a byte, and the sign in bit 7 of the last byte [SDM 1 4.7].
// MODEL: digits above 9, undefined by the manual, count with their value.
bool load_decimal(Cpu& cpu, const Uop* op) {
  PackedDecimal memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  int64_t value = 0;
  for (int i = 8; i >= 0; --i) value = value * 100 + (memory.byte[i] >> 4) * 10 + (memory.byte[i] & 15);
  const bool negative = memory.byte[9] & 0x80;
  push_integer(cpu.fpu, negative ? -value : value, negative);
  return true;
}

// --- stores -------------------------------------------------------------------------------------------------------------------------
enum class Pop { kNo, kYes };
enum class Round { kByControl, kTruncate };
constexpr uint16_t kTruncateControl = 3 << 10;

constexpr PackedDecimal kIndefiniteDecimal{{0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff}};
template <class T>
constexpr T indefinite() {
  if constexpr (std::is_same_v<T, PackedDecimal>) return kIndefiniteDecimal;
  else return static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
}

template <class T, uint16_t (*host)(uint16_t, const X87Register&, T&), Pop popping, Round round>
bool store_integer(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  FpuState& f = cpu.fpu;
  const bool empty = is_empty(f, 0);
  T memory = indefinite<T>();
  const auto control = static_cast<uint16_t>(f.control | (round == Round::kTruncate ? kTruncateControl : 0));
  const uint16_t status = empty ? static_cast<uint16_t>(kIe) : host(control, st(f, 0), memory);
  const bool stores = !unmasked(f, status & kIe);
  if (stores ? !store(cpu, op, memory) : !probe_operand(cpu, op, sizeof memory)) return false;
  note_operand(cpu, op);
  if (empty) stack_fault(f, StackFault::kUnderflow);
  else accept(f, status);
  if (stores && popping == Pop::kYes) pop(f);
  return true;
}

bool bind_load(const Decoded& d, Uop& u) {
  note_opcode(d, u);
  switch (opcode_byte(d)) {
    case 0xdb: u.fn = handler<load_integer<int32_t>>; return true;
    case 0xdf: u.fn = d.insn.raw.modrm.reg == 0 ? handler<load_integer<int16_t>> : handler<load_integer<int64_t>>; return true;
    default: return false;
  }
}
// DB: m32; DF: m16, and m64 for FISTP (/7); DD: m64 of FISTTP.
template <Pop popping, Round round>
bool bind_store(const Decoded& d, Uop& u) {
  note_opcode(d, u);
  switch (opcode_byte(d)) {
    case 0xdb: u.fn = handler<store_integer<uint32_t, host_store_i32, popping, round>>; return true;
    case 0xdd: u.fn = handler<store_integer<uint64_t, host_store_i64, popping, round>>; return true;
    case 0xdf:
      u.fn = d.insn.raw.modrm.reg == 7 ? handler<store_integer<uint64_t, host_store_i64, popping, round>>
                                       : handler<store_integer<uint16_t, host_store_i16, popping, round>>;
      return true;
    default: return false;
  }
}

constexpr CostClass kSlow = CostClass::kX87Slow;
constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FILD, "SDM 2A 3.2 FILD", bind_load),
    row(ZYDIS_MNEMONIC_FIST, "SDM 2A 3.2 FIST", bind_store<Pop::kNo, Round::kByControl>),
    row(ZYDIS_MNEMONIC_FISTP, "SDM 2A 3.2 FIST", bind_store<Pop::kYes, Round::kByControl>),
    row(ZYDIS_MNEMONIC_FISTTP, "SDM 2A 3.2 FISTTP", bind_store<Pop::kYes, Round::kTruncate>),
    row(ZYDIS_MNEMONIC_FBLD, "SDM 2A 3.2 FBLD", bind_stack<load_decimal>, kSlow),
    row(ZYDIS_MNEMONIC_FBSTP, "SDM 2A 3.2 FBSTP",
        bind_stack<store_integer<PackedDecimal, host_store_decimal, Pop::kYes, Round::kByControl>>, kSlow),
};

}  // namespace

std::span<const InstructionInfo> integer_move_rows() { return kRows; }

}  // namespace ringside::hw::x87
