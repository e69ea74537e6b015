// SHL SHR SAR, ROL ROR RCL RCR, SHLD SHRD. Flags that the manual leaves undefined get the values most processors give.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

template <class T>
constexpr T kTop = static_cast<T>(T{1} << (kBits<T> - 1));
template <class T>
bool top(T v) { return v & kTop<T>; }
template <class T>
constexpr unsigned kCountMask = sizeof(T) == 8 ? 63 : 31;

// Each operation gets the masked count, which is not zero.
struct Shl {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    const T r = n < kBits<T> ? static_cast<T>(a << n) : T{0};
    const bool carry = n <= kBits<T> && (a >> (kBits<T> - n) & 1);
    set_result_flags<T>(f, r, carry, top(r) != carry);
    return r;
  }
};
struct Shr {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    const T r = n < kBits<T> ? static_cast<T>(a >> n) : T{0};
    const bool carry = n <= kBits<T> && (a >> (n - 1) & 1);
    // OF is the top bit of the operand for a count of 1; for others processors give the top two bits of the result differing.
    set_result_flags<T>(f, r, carry, n == 1 ? top(a) : top<T>(static_cast<T>(r ^ static_cast<T>(r << 1))));
    return r;
  }
};
struct Sar {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    using S = std::make_signed_t<T>;
    const unsigned m = n < kBits<T> ? n : kBits<T> - 1;
    const T r = static_cast<T>(static_cast<S>(a) >> m);
    const bool carry = n < kBits<T> ? (static_cast<S>(a) >> (n - 1)) & 1 : top(a);
    set_result_flags<T>(f, r, carry, false);
    return r;
  }
};
struct Rol {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    const unsigned m = n % kBits<T>;
    const T r = m ? static_cast<T>(a << m | a >> (kBits<T> - m)) : a;
    const bool carry = r & 1;
    set_cf_of(f, carry, top(r) != carry);
    return r;
  }
};
struct Ror {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    const unsigned m = n % kBits<T>;
    const T r = m ? static_cast<T>(a >> m | a << (kBits<T> - m)) : a;
    set_cf_of(f, top(r), top(r) != top(static_cast<T>(r << 1)));
    return r;
  }
};
// Rotates through carry: the count is taken modulo bits + 1.
struct Rcl {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    n %= kBits<T> + 1;
    bool carry = f.cf();
    for (unsigned i = 0; i < n; ++i) {
      const bool out = top(a);
      a = static_cast<T>(a << 1 | T{carry});
      carry = out;
    }
    set_cf_of(f, carry, top(a) != carry);
    return a;
  }
};
struct Rcr {
  template <class T> static T apply(LazyFlags& f, T a, unsigned n) {
    n %= kBits<T> + 1;
    bool carry = f.cf();
    for (unsigned i = 0; i < n; ++i) {
      const bool out = a & 1;
      a = static_cast<T>(a >> 1 | (carry ? kTop<T> : T{0}));
      carry = out;
    }
    set_cf_of(f, carry, top(a) != top(static_cast<T>(a << 1)));
    return a;
  }
};

enum class Count : uint8_t { kImmediate, kCl };
template <class T, Count kCount>
unsigned masked_count(const Cpu& cpu, const Uop* op) {
  const uint64_t raw = kCount == Count::kCl ? cpu.gpr[kRcx] : op->imm;
  return static_cast<unsigned>(raw & kCountMask<T>);
}

template <class Op, Count kCount>
struct ShiftReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, op->dst);
    const unsigned n = masked_count<T, kCount>(cpu, op);
    set_reg<T>(cpu, op->dst, n ? Op::template apply<T>(cpu.arithmetic, a, n) : a);  // a 32-bit form zeroes the upper half even for 0
    return next(cpu, op);
  }
};
template <class Op, Count kCount>
struct ShiftMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const unsigned n = masked_count<T, kCount>(cpu, op);
    if (!modify<T>(cpu, op, [&](T a) { return n ? Op::template apply<T>(cpu.arithmetic, a, n) : a; })) return fault(cpu, op);
    return next(cpu, op);
  }
};
template <class Op>
bool bind_shift(const Decoded& d, Uop& uop) {
  const bool by_cl = d.is_reg(1);
  if (d.is_mem(0)) return bind_to(uop, by_cl ? by_size<ShiftMem<Op, Count::kCl>>(d.size(0)) : by_size<ShiftMem<Op, Count::kImmediate>>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_cl ? by_size<ShiftReg<Op, Count::kCl>>(d.size(0)) : by_size<ShiftReg<Op, Count::kImmediate>>(d.size(0)));
}

// --- double shifts: 16-bit counts above 16 are undefined; the operands are then rotated as one 48-bit string, as Intel does ------
struct Shld {
  template <class T> static T apply(LazyFlags& f, T a, T b, unsigned n) {
    T r;
    bool carry;
    if (n <= kBits<T>) {
      r = n == kBits<T> ? b : static_cast<T>(a << n | b >> (kBits<T> - n));
      carry = a >> (kBits<T> - n) & 1;
    } else {
      const unsigned m = n - kBits<T>;
      r = static_cast<T>(b << m | a >> (kBits<T> - m));
      carry = b >> (kBits<T> - m) & 1;
    }
    set_result_flags<T>(f, r, carry, top<T>(static_cast<T>(r ^ a)));
    return r;
  }
};
struct Shrd {
  template <class T> static T apply(LazyFlags& f, T a, T b, unsigned n) {
    T r;
    bool carry;
    if (n <= kBits<T>) {
      r = n == kBits<T> ? b : static_cast<T>(a >> n | b << (kBits<T> - n));
      carry = a >> (n - 1) & 1;
    } else {
      const unsigned m = n - kBits<T>;
      r = static_cast<T>(b >> m | a << (kBits<T> - m));
      carry = b >> (m - 1) & 1;
    }
    set_result_flags<T>(f, r, carry, top<T>(static_cast<T>(r ^ static_cast<T>(r << 1))));
    return r;
  }
};
template <class Op, Count kCount>
struct DoubleReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, op->dst);
    const unsigned n = masked_count<T, kCount>(cpu, op);
    set_reg<T>(cpu, op->dst, n ? Op::template apply<T>(cpu.arithmetic, a, reg<T>(cpu, op->src), n) : a);
    return next(cpu, op);
  }
};
template <class Op, Count kCount>
struct DoubleMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const unsigned n = masked_count<T, kCount>(cpu, op);
    const T b = reg<T>(cpu, op->src);
    if (!modify<T>(cpu, op, [&](T a) { return n ? Op::template apply<T>(cpu.arithmetic, a, b, n) : a; })) return fault(cpu, op);
    return next(cpu, op);
  }
};
template <class Op>
bool bind_double(const Decoded& d, Uop& uop) {
  const bool by_cl = d.is_reg(2);
  uop.src = number_of(d, 1);
  if (d.is_mem(0)) return bind_to(uop, by_cl ? by_size<DoubleMem<Op, Count::kCl>>(d.size(0)) : by_size<DoubleMem<Op, Count::kImmediate>>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_cl ? by_size<DoubleReg<Op, Count::kCl>>(d.size(0)) : by_size<DoubleReg<Op, Count::kImmediate>>(d.size(0)));
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
constexpr auto kShift = CostClass::kShift;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_SHL, kNone, kNo, kShift, false, "SDM 2B 4.3 SAL/SAR/SHL/SHR", bind_shift<Shl>},
    {ZYDIS_MNEMONIC_SHR, kNone, kNo, kShift, false, "SDM 2B 4.3 SAL/SAR/SHL/SHR", bind_shift<Shr>},
    {ZYDIS_MNEMONIC_SAR, kNone, kNo, kShift, false, "SDM 2B 4.3 SAL/SAR/SHL/SHR", bind_shift<Sar>},
    {ZYDIS_MNEMONIC_ROL, kNone, kNo, kShift, false, "SDM 2B 4.3 RCL/RCR/ROL/ROR", bind_shift<Rol>},
    {ZYDIS_MNEMONIC_ROR, kNone, kNo, kShift, false, "SDM 2B 4.3 RCL/RCR/ROL/ROR", bind_shift<Ror>},
    {ZYDIS_MNEMONIC_RCL, kNone, kNo, kShift, false, "SDM 2B 4.3 RCL/RCR/ROL/ROR", bind_shift<Rcl>},
    {ZYDIS_MNEMONIC_RCR, kNone, kNo, kShift, false, "SDM 2B 4.3 RCL/RCR/ROL/ROR", bind_shift<Rcr>},
    {ZYDIS_MNEMONIC_SHLD, kNone, kNo, kShift, false, "SDM 2B 4.3 SHLD", bind_double<Shld>},
    {ZYDIS_MNEMONIC_SHRD, kNone, kNo, kShift, false, "SDM 2B 4.3 SHRD", bind_double<Shrd>},
};

}  // namespace

std::span<const InstructionInfo> integer_shift_rows() { return kRows; }

}  // namespace ringside::hw
