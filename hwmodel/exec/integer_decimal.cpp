// DAA DAS AAA AAS AAM AAD: decimal adjustment, 16 and 32-bit modes only (Zydis refuses them in 64-bit mode).
// Undefined flags: OF is cleared, as processors of the Core family do.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

constexpr unsigned kAl = 0, kAh = 1;  // byte offsets into gpr[]

void set_adjusted(Cpu& cpu, uint8_t result, bool carry, bool auxiliary) {
  set_logic_flags<uint8_t>(cpu.arithmetic, result);
  set_cf_of(cpu.arithmetic, carry, false);
  cpu.arithmetic.aux |= uint64_t{auxiliary} << 3;
}

// [SDM 2A 3.2 DAA / DAS]
template <int kSign>
const Uop* decimal_adjust(Cpu& cpu, const Uop* op) {
  const uint8_t old = reg<uint8_t>(cpu, kAl);
  const bool old_carry = cpu.arithmetic.cf();
  const bool low = (old & 0xf) > 9 || cpu.arithmetic.af();
  const bool high = old > 0x99 || old_carry;
  uint8_t al = old;
  bool carry = old_carry;
  if (low) {
    al = static_cast<uint8_t>(al + kSign * 6);
    carry = old_carry || (kSign > 0 ? old > 0xf9 : old < 6);
  } else {
    carry = false;
  }
  if (high) al = static_cast<uint8_t>(al + kSign * 0x60);
  if (high) carry = true;
  else if (kSign > 0) carry = false;
  else carry = low && (old_carry || old < 6);
  set_reg<uint8_t>(cpu, kAl, al);
  set_adjusted(cpu, al, carry, low);
  return next(cpu, op);
}

// [SDM 2A 3.2 AAA / AAS]: AX is adjusted as a word, then AL keeps its low digit.
template <int kSign>
const Uop* ascii_adjust(Cpu& cpu, const Uop* op) {
  const bool adjust = (reg<uint8_t>(cpu, kAl) & 0xf) > 9 || cpu.arithmetic.af();
  if (adjust) set_reg<uint16_t>(cpu, kRax, static_cast<uint16_t>(reg<uint16_t>(cpu, kRax) + kSign * 0x106));
  const uint8_t al = reg<uint8_t>(cpu, kAl) & 0xf;
  set_reg<uint8_t>(cpu, kAl, al);
  set_adjusted(cpu, al, adjust, adjust);
  return next(cpu, op);
}

const Uop* aam(Cpu& cpu, const Uop* op) {
  const uint8_t base = static_cast<uint8_t>(op->imm), al = reg<uint8_t>(cpu, kAl);
  if (base == 0) return raise(cpu, op, Vector::kDE);
  set_reg<uint8_t>(cpu, kAh, al / base);
  set_reg<uint8_t>(cpu, kAl, al % base);
  set_adjusted(cpu, al % base, false, false);
  return next(cpu, op);
}
const Uop* aad(Cpu& cpu, const Uop* op) {
  const uint8_t al = static_cast<uint8_t>(reg<uint8_t>(cpu, kAl) + reg<uint8_t>(cpu, kAh) * static_cast<uint8_t>(op->imm));
  set_reg<uint16_t>(cpu, kRax, al);
  set_adjusted(cpu, al, false, false);
  return next(cpu, op);
}

template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_DAA, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 DAA", bind_fixed<decimal_adjust<1>>},
    {ZYDIS_MNEMONIC_DAS, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 DAS", bind_fixed<decimal_adjust<-1>>},
    {ZYDIS_MNEMONIC_AAA, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 AAA", bind_fixed<ascii_adjust<1>>},
    {ZYDIS_MNEMONIC_AAS, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 AAS", bind_fixed<ascii_adjust<-1>>},
    {ZYDIS_MNEMONIC_AAM, kNone, kNo, CostClass::kDivide, false, "SDM 2A 3.2 AAM", bind_fixed<aam>},
    {ZYDIS_MNEMONIC_AAD, kNone, kNo, CostClass::kMultiply, false, "SDM 2A 3.2 AAD", bind_fixed<aad>},
};

}  // namespace

std::span<const InstructionInfo> integer_decimal_rows() { return kRows; }

}  // namespace ringside::hw
