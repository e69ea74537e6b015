// ADD ADC SUB SBB CMP AND OR XOR TEST, NOT NEG INC DEC, XADD, CMPXCHG and its wide forms.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

struct Add {
  template <class T> static T apply(LazyFlags& f, T a, T b) { const T r = static_cast<T>(a + b); set_add_flags<T>(f, a, b, r); return r; }
};
struct Adc {
  template <class T> static T apply(LazyFlags& f, T a, T b) {
    const T r = static_cast<T>(a + b + f.cf());
    set_add_flags<T>(f, a, b, r);
    return r;
  }
};
struct Sub {
  template <class T> static T apply(LazyFlags& f, T a, T b) { const T r = static_cast<T>(a - b); set_sub_flags<T>(f, a, b, r); return r; }
};
struct Sbb {
  template <class T> static T apply(LazyFlags& f, T a, T b) {
    const T r = static_cast<T>(a - b - f.cf());
    set_sub_flags<T>(f, a, b, r);
    return r;
  }
};
struct And {
  template <class T> static T apply(LazyFlags& f, T a, T b) { const T r = a & b; set_logic_flags<T>(f, r); return r; }
};
struct Or {
  template <class T> static T apply(LazyFlags& f, T a, T b) { const T r = a | b; set_logic_flags<T>(f, r); return r; }
};
struct Xor {
  template <class T> static T apply(LazyFlags& f, T a, T b) { const T r = a ^ b; set_logic_flags<T>(f, r); return r; }
};

// --- operations that write their destination ---------------------------------------------------------------------------
template <class Op>
struct RegReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), reg<T>(cpu, op->src)));
    return next(cpu, op);
  }
};
template <class Op>
struct RegImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), static_cast<T>(op->imm)));
    return next(cpu, op);
  }
};
template <class Op>
struct RegMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T b;
    if (!load(cpu, op, b)) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), b));
    return next(cpu, op);
  }
};
template <class Op>
struct MemReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T b = reg<T>(cpu, op->src);
    if (!modify<T>(cpu, op, [&](T a) { return Op::template apply<T>(cpu.arithmetic, a, b); })) return fault(cpu, op);
    return next(cpu, op);
  }
};
template <class Op>
struct MemImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    if (!modify<T>(cpu, op, [&](T a) { return Op::template apply<T>(cpu.arithmetic, a, static_cast<T>(op->imm)); })) return fault(cpu, op);
    return next(cpu, op);
  }
};

// --- operations that only set flags (CMP, TEST) --------------------------------------------------------------------------
template <class Op>
struct FlagsRegReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), reg<T>(cpu, op->src));
    return next(cpu, op);
  }
};
template <class Op>
struct FlagsRegImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), static_cast<T>(op->imm));
    return next(cpu, op);
  }
};
template <class Op>
struct FlagsRegMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T b;
    if (!load(cpu, op, b)) return fault(cpu, op);
    Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst), b);
    return next(cpu, op);
  }
};
template <class Op>
struct FlagsMemReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T a;
    if (!load(cpu, op, a)) return fault(cpu, op);
    Op::template apply<T>(cpu.arithmetic, a, reg<T>(cpu, op->src));
    return next(cpu, op);
  }
};
template <class Op>
struct FlagsMemImm {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T a;
    if (!load(cpu, op, a)) return fault(cpu, op);
    Op::template apply<T>(cpu.arithmetic, a, static_cast<T>(op->imm));
    return next(cpu, op);
  }
};

template <class Op>
bool bind_write(const Decoded& d, Uop& uop) {
  return bind_two_operands<RegReg<Op>, RegMem<Op>, MemReg<Op>, RegImm<Op>, MemImm<Op>>(d, uop);
}
template <class Op>
bool bind_flags(const Decoded& d, Uop& uop) {
  return bind_two_operands<FlagsRegReg<Op>, FlagsRegMem<Op>, FlagsMemReg<Op>, FlagsRegImm<Op>, FlagsMemImm<Op>>(d, uop);
}

// --- one operand -------------------------------------------------------------------------------------------------------
struct Inc {
  template <class T> static T apply(LazyFlags& f, T a) {
    const bool carry = f.cf();
    const T r = static_cast<T>(a + 1);
    set_add_flags<T>(f, a, T{1}, r);
    set_cf(f, carry);
    return r;
  }
};
struct Dec {
  template <class T> static T apply(LazyFlags& f, T a) {
    const bool carry = f.cf();
    const T r = static_cast<T>(a - 1);
    set_sub_flags<T>(f, a, T{1}, r);
    set_cf(f, carry);
    return r;
  }
};
struct Neg {
  template <class T> static T apply(LazyFlags& f, T a) { const T r = static_cast<T>(-a); set_sub_flags<T>(f, T{0}, a, r); return r; }
};
struct Not {
  template <class T> static T apply(LazyFlags&, T a) { return static_cast<T>(~a); }
};

template <class Op>
struct OneReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, Op::template apply<T>(cpu.arithmetic, reg<T>(cpu, op->dst)));
    return next(cpu, op);
  }
};
template <class Op>
struct OneMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    if (!modify<T>(cpu, op, [&](T a) { return Op::template apply<T>(cpu.arithmetic, a); })) return fault(cpu, op);
    return next(cpu, op);
  }
};
template <class Op>
bool bind_one(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) return bind_to(uop, by_size<OneMem<Op>>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_size<OneReg<Op>>(d.size(0)));
}

// --- XADD, CMPXCHG ---------------------------------------------------------------------------------------------------------
struct XaddReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, op->dst), b = reg<T>(cpu, op->src);
    const T r = Add::apply<T>(cpu.arithmetic, a, b);
    set_reg<T>(cpu, op->src, a);
    set_reg<T>(cpu, op->dst, r);
    return next(cpu, op);
  }
};
struct XaddMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T old{};
    const T b = reg<T>(cpu, op->src);
    if (!modify<T>(cpu, op, [&](T a) { old = a; return Add::apply<T>(cpu.arithmetic, a, b); })) return fault(cpu, op);
    set_reg<T>(cpu, op->src, old);
    return next(cpu, op);
  }
};
struct CmpxchgReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T accumulator = reg<T>(cpu, kRax), old = reg<T>(cpu, op->dst);
    Sub::apply<T>(cpu.arithmetic, accumulator, old);
    if (accumulator == old) set_reg<T>(cpu, op->dst, reg<T>(cpu, op->src));
    else set_reg<T>(cpu, kRax, old);
    return next(cpu, op);
  }
};
// The destination is written in either case, as the manual says [SDM 2A 3.2 CMPXCHG].
struct CmpxchgMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T old{};
    const T accumulator = reg<T>(cpu, kRax), replacement = reg<T>(cpu, op->src);
    const auto exchange = [&](T a) {
      old = a;
      Sub::apply<T>(cpu.arithmetic, accumulator, a);
      return a == accumulator ? replacement : a;
    };
    if (!modify<T>(cpu, op, exchange)) return fault(cpu, op);
    if (old != accumulator) set_reg<T>(cpu, kRax, old);
    return next(cpu, op);
  }
};

void set_zf(Cpu& cpu, bool zero) {
  const uint64_t flags = cpu.arithmetic.pack();
  cpu.arithmetic.unpack(zero ? flags | rflags::kZf : flags & ~rflags::kZf);
}

const Uop* cmpxchg8b(Cpu& cpu, const Uop* op) {
  uint64_t old = 0;
  const uint64_t expected = cpu.gpr[kRdx] << 32 | static_cast<uint32_t>(cpu.gpr[kRax]);
  const uint64_t replacement = cpu.gpr[kRcx] << 32 | static_cast<uint32_t>(cpu.gpr[kRbx]);
  const auto exchange = [&](uint64_t a) { old = a; return a == expected ? replacement : a; };
  if (!modify<uint64_t>(cpu, op, exchange)) return fault(cpu, op);
  if (old != expected) {
    cpu.gpr[kRax] = static_cast<uint32_t>(old);
    cpu.gpr[kRdx] = old >> 32;
  }
  set_zf(cpu, old == expected);
  return next(cpu, op);
}

const Uop* cmpxchg16b(Cpu& cpu, const Uop* op) {
  uint64_t linear;
  if (!operand_address(cpu, op, 16, true, linear)) return fault(cpu, op);
  if (linear & 15) return raise(cpu, op, Vector::kGP, 0);
  U128 old{};
  const auto exchange = [&](U128 a) {
    old = a;
    return a.lo == cpu.gpr[kRax] && a.hi == cpu.gpr[kRdx] ? U128{cpu.gpr[kRbx], cpu.gpr[kRcx]} : a;
  };
  if (!modify_linear<U128>(cpu, linear, exchange)) return fault(cpu, op);
  const bool equal = old.lo == cpu.gpr[kRax] && old.hi == cpu.gpr[kRdx];
  if (!equal) {
    cpu.gpr[kRax] = old.lo;
    cpu.gpr[kRdx] = old.hi;
  }
  set_zf(cpu, equal);
  return next(cpu, op);
}

template <class RegForm, class MemForm>
bool bind_exchange(const Decoded& d, Uop& uop) {
  uop.src = number_of(d, 1);
  if (d.is_mem(0)) return bind_to(uop, by_size<MemForm>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_size<RegForm>(d.size(0)));
}

// XOR r, r of one register: the idiom that zeroes it.
struct Zero {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, T{0});
    cpu.arithmetic = LazyFlags{.result = 0, .aux = 0};
    return next(cpu, op);
  }
};
bool bind_xor(const Decoded& d, Uop& uop) {
  if (is_general(d, 0) && is_general(d, 1) && d.ops[0].reg.value == d.ops[1].reg.value) {
    uop.dst = number_of(d, 0);
    return bind_to(uop, by_size<Zero>(d.size(0)));
  }
  return bind_write<Xor>(d, uop);
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_ADD, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 ADD", bind_write<Add>},
    {ZYDIS_MNEMONIC_ADC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 ADC", bind_write<Adc>},
    {ZYDIS_MNEMONIC_SUB, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SUB", bind_write<Sub>},
    {ZYDIS_MNEMONIC_SBB, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 SBB", bind_write<Sbb>},
    {ZYDIS_MNEMONIC_AND, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 AND", bind_write<And>},
    {ZYDIS_MNEMONIC_OR, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 OR", bind_write<Or>},
    {ZYDIS_MNEMONIC_XOR, kNone, kNo, CostClass::kAlu, false, "SDM 2D 6.1 XOR", bind_xor},
    {ZYDIS_MNEMONIC_CMP, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 CMP", bind_flags<Sub>},
    {ZYDIS_MNEMONIC_TEST, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 TEST", bind_flags<And>},
    {ZYDIS_MNEMONIC_INC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 INC", bind_one<Inc>},
    {ZYDIS_MNEMONIC_DEC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 DEC", bind_one<Dec>},
    {ZYDIS_MNEMONIC_NEG, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 NEG", bind_one<Neg>},
    {ZYDIS_MNEMONIC_NOT, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 NOT", bind_one<Not>},
    {ZYDIS_MNEMONIC_XADD, kNone, kNo, CostClass::kLocked, false, "SDM 2D 6.1 XADD", bind_exchange<XaddReg, XaddMem>},
    {ZYDIS_MNEMONIC_CMPXCHG, kNone, kNo, CostClass::kLocked, false, "SDM 2A 3.2 CMPXCHG", bind_exchange<CmpxchgReg, CmpxchgMem>},
    {ZYDIS_MNEMONIC_CMPXCHG8B, kNone, kNo, CostClass::kLocked, false, "SDM 2A 3.2 CMPXCHG8B",
     [](const Decoded&, Uop& uop) { return bind_to(uop, cmpxchg8b); }},
    {ZYDIS_MNEMONIC_CMPXCHG16B, kNone, kNo, CostClass::kLocked, false, "SDM 2A 3.2 CMPXCHG16B",
     [](const Decoded&, Uop& uop) { return bind_to(uop, cmpxchg16b); }},
};

}  // namespace

std::span<const InstructionInfo> integer_alu_rows() { return kRows; }

}  // namespace ringside::hw
