// Flag instructions without privilege (CLC STC CMC CLD STD LAHF SAHF SALC), NOP and its relatives, fences, cache hints, BOUND.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

const Uop* nop(Cpu& cpu, const Uop* op) { return next(cpu, op); }
const Uop* clc(Cpu& cpu, const Uop* op) { set_cf(cpu.arithmetic, false); return next(cpu, op); }
const Uop* stc(Cpu& cpu, const Uop* op) { set_cf(cpu.arithmetic, true); return next(cpu, op); }
const Uop* cmc(Cpu& cpu, const Uop* op) { set_cf(cpu.arithmetic, !cpu.arithmetic.cf()); return next(cpu, op); }
const Uop* cld(Cpu& cpu, const Uop* op) { cpu.system_flags &= ~rflags::kDf; return next(cpu, op); }
const Uop* std_flag(Cpu& cpu, const Uop* op) { cpu.system_flags |= rflags::kDf; return next(cpu, op); }

const Uop* lahf(Cpu& cpu, const Uop* op) {
  set_reg<uint8_t>(cpu, 1, static_cast<uint8_t>((cpu.arithmetic.pack() & 0xd5) | rflags::kFixed));
  return next(cpu, op);
}
const Uop* sahf(Cpu& cpu, const Uop* op) {
  const uint64_t keep = cpu.arithmetic.pack() & rflags::kOf;
  cpu.arithmetic.unpack(keep | (reg<uint8_t>(cpu, 1) & 0xd5));
  return next(cpu, op);
}
const Uop* salc(Cpu& cpu, const Uop* op) {
  set_reg<uint8_t>(cpu, 0, cpu.arithmetic.cf() ? 0xff : 0);
  return next(cpu, op);
}

// The cache is not modelled, but the line's address is translated and may fault like a byte load [SDM 2A 3.2 CLFLUSH].
const Uop* clflush(Cpu& cpu, const Uop* op) {
  uint8_t byte;
  return load(cpu, op, byte) ? next(cpu, op) : fault(cpu, op);
}

// BOUND: #BR unless lower <= index <= upper; signed, 16/32-bit modes only.
template <class T>
const Uop* bound(Cpu& cpu, const Uop* op) {
  using S = std::make_signed_t<T>;
  const uint64_t offset = effective_offset(cpu, op);
  uint64_t linear;
  T lower, upper;
  if (!linear_address(cpu, op, op->segment, offset, 2 * sizeof(T), false, linear) || !load_linear(cpu, linear, lower) ||
      !load_linear(cpu, linear + sizeof(T), upper)) {
    return fault(cpu, op);
  }
  const S index = static_cast<S>(reg<T>(cpu, op->dst));
  if (index < static_cast<S>(lower) || index > static_cast<S>(upper)) return raise(cpu, op, Vector::kBR);
  return next(cpu, op);
}
bool bind_bound(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, d.size(0) == 2 ? bound<uint16_t> : bound<uint32_t>);
}

// With REX.B the encoding of PAUSE is XCHG r8, rAX like that of NOP; the repeat prefix then means nothing.
struct XchgR8 {
  template <class T>
  static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, kRax), b = reg<T>(cpu, kR8);
    set_reg(cpu, kRax, b);
    set_reg(cpu, kR8, a);
    return next(cpu, op);
  }
};
bool bind_pause(const Decoded& d, Uop& uop) {
  return bind_to(uop, d.insn.raw.rex.B ? by_size<XchgR8>(d.insn.operand_width / 8) : nop);
}

template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_CLC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CLC", bind_fixed<clc>},
    {ZYDIS_MNEMONIC_STC, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 STC", bind_fixed<stc>},
    {ZYDIS_MNEMONIC_CMC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CMC", bind_fixed<cmc>},
    {ZYDIS_MNEMONIC_CLD, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CLD", bind_fixed<cld>},
    {ZYDIS_MNEMONIC_STD, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 STD", bind_fixed<std_flag>},
    {ZYDIS_MNEMONIC_LAHF, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 LAHF", bind_fixed<lahf>},
    {ZYDIS_MNEMONIC_SAHF, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SAHF", bind_fixed<sahf>},
    {ZYDIS_MNEMONIC_SALC, kNone, kNo, CostClass::kAlu, false, "undocumented opcode D6", bind_fixed<salc>},
    {ZYDIS_MNEMONIC_BOUND, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BOUND", bind_bound},
    {ZYDIS_MNEMONIC_NOP, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 NOP", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PAUSE, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PAUSE", bind_pause},
    {ZYDIS_MNEMONIC_ENDBR64, kNone, kNo, CostClass::kNop, false, "SDM 2A 3.2 ENDBR64", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_ENDBR32, kNone, kNo, CostClass::kNop, false, "SDM 2A 3.2 ENDBR32", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCH, kNone, kNo, CostClass::kNop, false, "APM 3 PREFETCH", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHW, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHW", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHWT1, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHW", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHNTA, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHh", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHT0, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHh", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHT1, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHh", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_PREFETCHT2, kNone, kNo, CostClass::kNop, false, "SDM 2B 4.3 PREFETCHh", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_LFENCE, kNone, kNo, CostClass::kFence, false, "SDM 2A 3.2 LFENCE", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_MFENCE, kNone, kNo, CostClass::kFence, false, "SDM 2B 4.3 MFENCE", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_SFENCE, kNone, kNo, CostClass::kFence, false, "SDM 2B 4.3 SFENCE", bind_fixed<nop>},
    {ZYDIS_MNEMONIC_CLFLUSH, kNone, kNo, CostClass::kFence, false, "SDM 2A 3.2 CLFLUSH", bind_fixed<clflush>},
};

}  // namespace

std::span<const InstructionInfo> integer_misc_rows() { return kRows; }

}  // namespace ringside::hw
