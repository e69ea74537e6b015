// MOV between general registers, memory and immediates; MOVZX MOVSX MOVSXD MOVBE LEA XCHG BSWAP CMOVcc SETcc, XLAT and sign extensions.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

struct MovRegReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { set_reg<T>(cpu, op->dst, reg<T>(cpu, op->src)); return next(cpu, op); }
};
struct MovRegImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { set_reg<T>(cpu, op->dst, static_cast<T>(op->imm)); return next(cpu, op); }
};
struct MovRegMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T value;
    if (!load(cpu, op, value)) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, value);
    return next(cpu, op);
  }
};
struct MovMemReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { return store(cpu, op, reg<T>(cpu, op->src)) ? next(cpu, op) : fault(cpu, op); }
};
struct MovMemImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { return store(cpu, op, static_cast<T>(op->imm)) ? next(cpu, op) : fault(cpu, op); }
};

// MOV accumulator, moffs and back: the whole offset sits in imm (it may have 64 bits).
struct MovFromAbsolute {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    uint64_t linear;
    T value;
    if (!linear_address(cpu, op, op->segment, op->imm, sizeof(T), false, linear) || !load_linear(cpu, linear, value)) return fault(cpu, op);
    set_reg<T>(cpu, kRax, value);
    return next(cpu, op);
  }
};
struct MovToAbsolute {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    uint64_t linear;
    const bool stored = linear_address(cpu, op, op->segment, op->imm, sizeof(T), true, linear) && store_linear(cpu, linear, reg<T>(cpu, kRax));
    return stored ? next(cpu, op) : fault(cpu, op);
  }
};

bool bind_mov(const Decoded& d, Uop& uop) {
  const bool absolute = d.insn.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && d.insn.opcode >= 0xa0 && d.insn.opcode <= 0xa3;
  if (absolute) {
    const bool to_memory = d.is_mem(0);
    uop.imm = static_cast<uint64_t>(d.ops[to_memory ? 0 : 1].mem.disp.value);
    if (d.insn.address_width == 32) uop.imm = static_cast<uint32_t>(uop.imm);
    if (d.insn.address_width == 16) uop.imm = static_cast<uint16_t>(uop.imm);
    return bind_to(uop, to_memory ? by_size<MovToAbsolute>(d.size(0)) : by_size<MovFromAbsolute>(d.size(0)));
  }
  return bind_two_operands<MovRegReg, MovRegMem, MovMemReg, MovRegImm, MovMemImm>(d, uop);
}

// --- widening moves: From is the source type, the destination is at most 64 bits -------------------------------------------
template <class From, bool kSigned, class To>
To widen(From value) {
  return kSigned ? static_cast<To>(sign_extend(value)) : static_cast<To>(value);
}
template <class From, bool kSigned>
struct WidenReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, widen<From, kSigned, T>(reg<From>(cpu, op->src)));
    return next(cpu, op);
  }
};
template <class From, bool kSigned>
struct WidenMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    From value;
    if (!load(cpu, op, value)) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, widen<From, kSigned, T>(value));
    return next(cpu, op);
  }
};
template <class From, bool kSigned>
bool bind_widen_from(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  if (d.is_mem(1)) return bind_to(uop, by_size<WidenMem<From, kSigned>>(d.size(0)));
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<WidenReg<From, kSigned>>(d.size(0)));
}
template <bool kSigned>
bool bind_widen(const Decoded& d, Uop& uop) {
  switch (d.size(1)) {
    case 1: return bind_widen_from<uint8_t, kSigned>(d, uop);
    case 2: return bind_widen_from<uint16_t, kSigned>(d, uop);
    case 4: return bind_widen_from<uint32_t, kSigned>(d, uop);
    default: return false;
  }
}

struct Lea {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { set_reg<T>(cpu, op->dst, static_cast<T>(effective_offset(cpu, op))); return next(cpu, op); }
};
struct LeaFlat {  // 64-bit address size
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { set_reg<T>(cpu, op->dst, static_cast<T>(flat_address(cpu, op))); return next(cpu, op); }
};
bool bind_lea(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, d.insn.address_width == 64 ? by_size<LeaFlat>(d.size(0)) : by_size<Lea>(d.size(0)));
}

struct XchgReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, op->dst), b = reg<T>(cpu, op->src);
    set_reg<T>(cpu, op->dst, b);
    set_reg<T>(cpu, op->src, a);
    return next(cpu, op);
  }
};
struct XchgMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T old{};
    const T mine = reg<T>(cpu, op->src);
    if (!modify<T>(cpu, op, [&](T a) { old = a; return mine; })) return fault(cpu, op);
    set_reg<T>(cpu, op->src, old);
    return next(cpu, op);
  }
};
bool bind_xchg(const Decoded& d, Uop& uop) {
  const unsigned mem = d.is_mem(0) ? 0 : d.is_mem(1) ? 1 : 2;
  if (mem < 2) {
    uop.src = number_of(d, 1 - mem);
    return bind_to(uop, by_size<XchgMem>(d.size(0)));
  }
  uop.dst = number_of(d, 0);
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<XchgReg>(d.size(0)));
}

template <class T>
T swap_bytes(T value) {
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  else if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  else if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  else return value;
}
struct Bswap {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    // The 16-bit form is undefined; processors store zero.
    set_reg<T>(cpu, op->dst, sizeof(T) == 2 ? T{0} : swap_bytes(reg<T>(cpu, op->dst)));
    return next(cpu, op);
  }
};
struct MovbeLoad {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T value;
    if (!load(cpu, op, value)) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, swap_bytes(value));
    return next(cpu, op);
  }
};
struct MovbeStore {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { return store(cpu, op, swap_bytes(reg<T>(cpu, op->src))) ? next(cpu, op) : fault(cpu, op); }
};
bool bind_movbe(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) {
    uop.src = number_of(d, 1);
    return bind_to(uop, by_size<MovbeStore>(d.size(0)));
  }
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_size<MovbeLoad>(d.size(0)));
}

// --- conditional moves and sets ------------------------------------------------------------------------------------------
template <unsigned kCondition>
struct CmovReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    // The destination is written in either case: a 32-bit form zeroes the upper half.
    set_reg<T>(cpu, op->dst, condition<kCondition>(cpu.arithmetic) ? reg<T>(cpu, op->src) : reg<T>(cpu, op->dst));
    return next(cpu, op);
  }
};
template <unsigned kCondition>
struct CmovMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T value;
    if (!load(cpu, op, value)) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, condition<kCondition>(cpu.arithmetic) ? value : reg<T>(cpu, op->dst));
    return next(cpu, op);
  }
};
template <unsigned kCondition>
bool bind_cmov(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  if (d.is_mem(1)) return bind_to(uop, by_size<CmovMem<kCondition>>(d.size(0)));
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<CmovReg<kCondition>>(d.size(0)));
}
template <unsigned kCondition>
const Uop* setcc_reg(Cpu& cpu, const Uop* op) {
  set_reg<uint8_t>(cpu, op->dst, condition<kCondition>(cpu.arithmetic));
  return next(cpu, op);
}
template <unsigned kCondition>
const Uop* setcc_mem(Cpu& cpu, const Uop* op) {
  return store(cpu, op, uint8_t{condition<kCondition>(cpu.arithmetic)}) ? next(cpu, op) : fault(cpu, op);
}
template <unsigned kCondition>
bool bind_setcc(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) return bind_to(uop, setcc_mem<kCondition>);
  uop.dst = number_of(d, 0);
  return bind_to(uop, setcc_reg<kCondition>);
}

// --- sign extension of the accumulator -------------------------------------------------------------------------------------
template <class From, class To>
const Uop* extend_accumulator(Cpu& cpu, const Uop* op) {
  set_reg<To>(cpu, kRax, static_cast<To>(sign_extend(reg<From>(cpu, kRax))));
  return next(cpu, op);
}
template <class T>
const Uop* extend_into_rdx(Cpu& cpu, const Uop* op) {
  set_reg<T>(cpu, kRdx, static_cast<T>(static_cast<std::make_signed_t<T>>(reg<T>(cpu, kRax)) < 0 ? -1 : 0));
  return next(cpu, op);
}
template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

const Uop* xlat(Cpu& cpu, const Uop* op) {
  const uint64_t base = op->address_size == 8 ? cpu.gpr[kRbx] : op->address_size == 4 ? static_cast<uint32_t>(cpu.gpr[kRbx]) : static_cast<uint16_t>(cpu.gpr[kRbx]);
  uint64_t offset = base + reg<uint8_t>(cpu, 0);
  if (op->address_size == 4) offset = static_cast<uint32_t>(offset);
  if (op->address_size == 2) offset = static_cast<uint16_t>(offset);
  uint64_t linear;
  uint8_t value;
  if (!linear_address(cpu, op, op->segment, offset, 1, false, linear) || !load_linear(cpu, linear, value)) return fault(cpu, op);
  set_reg<uint8_t>(cpu, 0, value);
  return next(cpu, op);
}
bool bind_xlat(const Decoded& d, Uop& uop) {
  uop.segment = kDs;
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    if (!d.is_mem(i)) continue;
    const ZydisRegister segment = d.ops[i].mem.segment;
    if (segment >= ZYDIS_REGISTER_ES && segment <= ZYDIS_REGISTER_GS) uop.segment = static_cast<uint8_t>(segment - ZYDIS_REGISTER_ES);
  }
  return bind_to(uop, xlat);
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
constexpr auto kMove = CostClass::kMove;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_MOV, kNone, kNo, kMove, false, "SDM 2B 4.3 MOV", bind_mov},
    {ZYDIS_MNEMONIC_MOVZX, kNone, kNo, kMove, false, "SDM 2B 4.3 MOVZX", bind_widen<false>},
    {ZYDIS_MNEMONIC_MOVSX, kNone, kNo, kMove, false, "SDM 2B 4.3 MOVSX", bind_widen<true>},
    {ZYDIS_MNEMONIC_MOVSXD, kNone, kNo, kMove, false, "SDM 2B 4.3 MOVSXD", bind_widen<true>},
    {ZYDIS_MNEMONIC_LEA, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 LEA", bind_lea},
    {ZYDIS_MNEMONIC_XCHG, kNone, kNo, CostClass::kLocked, false, "SDM 2D 6.1 XCHG", bind_xchg},
    {ZYDIS_MNEMONIC_MOVBE, kNone, kNo, kMove, false, "SDM 2B 4.3 MOVBE", bind_movbe},
    {ZYDIS_MNEMONIC_BSWAP, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BSWAP",
     [](const Decoded& d, Uop& uop) { uop.dst = number_of(d, 0); return bind_to(uop, by_size<Bswap>(d.size(0))); }},
    {ZYDIS_MNEMONIC_XLAT, kNone, kNo, kMove, false, "SDM 2D 6.1 XLAT", bind_xlat},
    {ZYDIS_MNEMONIC_CBW, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CBW", bind_fixed<extend_accumulator<uint8_t, uint16_t>>},
    {ZYDIS_MNEMONIC_CWDE, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CWDE", bind_fixed<extend_accumulator<uint16_t, uint32_t>>},
    {ZYDIS_MNEMONIC_CDQE, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CDQE", bind_fixed<extend_accumulator<uint32_t, uint64_t>>},
    {ZYDIS_MNEMONIC_CWD, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CWD", bind_fixed<extend_into_rdx<uint16_t>>},
    {ZYDIS_MNEMONIC_CDQ, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CDQ", bind_fixed<extend_into_rdx<uint32_t>>},
    {ZYDIS_MNEMONIC_CQO, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CQO", bind_fixed<extend_into_rdx<uint64_t>>},
    {ZYDIS_MNEMONIC_CMOVO, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<0>},
    {ZYDIS_MNEMONIC_CMOVNO, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<1>},
    {ZYDIS_MNEMONIC_CMOVB, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<2>},
    {ZYDIS_MNEMONIC_CMOVNB, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<3>},
    {ZYDIS_MNEMONIC_CMOVZ, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<4>},
    {ZYDIS_MNEMONIC_CMOVNZ, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<5>},
    {ZYDIS_MNEMONIC_CMOVBE, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<6>},
    {ZYDIS_MNEMONIC_CMOVNBE, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<7>},
    {ZYDIS_MNEMONIC_CMOVS, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<8>},
    {ZYDIS_MNEMONIC_CMOVNS, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<9>},
    {ZYDIS_MNEMONIC_CMOVP, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<10>},
    {ZYDIS_MNEMONIC_CMOVNP, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<11>},
    {ZYDIS_MNEMONIC_CMOVL, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<12>},
    {ZYDIS_MNEMONIC_CMOVNL, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<13>},
    {ZYDIS_MNEMONIC_CMOVLE, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<14>},
    {ZYDIS_MNEMONIC_CMOVNLE, kNone, kNo, kMove, false, "SDM 2A 3.2 CMOVcc", bind_cmov<15>},
    {ZYDIS_MNEMONIC_SETO, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<0>},
    {ZYDIS_MNEMONIC_SETNO, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<1>},
    {ZYDIS_MNEMONIC_SETB, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<2>},
    {ZYDIS_MNEMONIC_SETNB, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<3>},
    {ZYDIS_MNEMONIC_SETZ, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<4>},
    {ZYDIS_MNEMONIC_SETNZ, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<5>},
    {ZYDIS_MNEMONIC_SETBE, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<6>},
    {ZYDIS_MNEMONIC_SETNBE, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<7>},
    {ZYDIS_MNEMONIC_SETS, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<8>},
    {ZYDIS_MNEMONIC_SETNS, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<9>},
    {ZYDIS_MNEMONIC_SETP, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<10>},
    {ZYDIS_MNEMONIC_SETNP, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<11>},
    {ZYDIS_MNEMONIC_SETL, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<12>},
    {ZYDIS_MNEMONIC_SETNL, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<13>},
    {ZYDIS_MNEMONIC_SETLE, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<14>},
    {ZYDIS_MNEMONIC_SETNLE, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SETcc", bind_setcc<15>},
};

}  // namespace

std::span<const InstructionInfo> integer_move_rows() { return kRows; }

}  // namespace ringside::hw
