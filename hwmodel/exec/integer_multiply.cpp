// MUL IMUL DIV IDIV. Division faults are #DE and leave every register as it was.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

__extension__ using Unsigned128 = unsigned __int128;
__extension__ using Signed128 = __int128;

template <class T> struct Wide;
template <> struct Wide<uint8_t> { using U = uint16_t; using S = int16_t; };
template <> struct Wide<uint16_t> { using U = uint32_t; using S = int32_t; };
template <> struct Wide<uint32_t> { using U = uint64_t; using S = int64_t; };
template <> struct Wide<uint64_t> { using U = Unsigned128; using S = Signed128; };

// The double-width accumulator: AX for bytes, else rDX:rAX.
template <class T>
typename Wide<T>::U accumulator(const Cpu& cpu) {
  using U = typename Wide<T>::U;
  if constexpr (sizeof(T) == 1) return reg<uint16_t>(cpu, kRax);
  else return static_cast<U>(static_cast<U>(reg<T>(cpu, kRdx)) << kBits<T> | reg<T>(cpu, kRax));
}
template <class T>
void set_accumulator(Cpu& cpu, T high, T low) {
  if constexpr (sizeof(T) == 1) {
    set_reg<uint16_t>(cpu, kRax, static_cast<uint16_t>(high << 8 | low));
  } else {
    set_reg<T>(cpu, kRax, low);
    set_reg<T>(cpu, kRdx, high);
  }
}

struct Mul {
  template <class T> static bool apply(Cpu& cpu, T b) {
    using U = typename Wide<T>::U;
    const U product = static_cast<U>(static_cast<U>(reg<T>(cpu, kRax)) * b);
    const T high = static_cast<T>(product >> kBits<T>), low = static_cast<T>(product);
    set_accumulator<T>(cpu, high, low);
    set_result_flags<T>(cpu.arithmetic, low, high != 0, high != 0);
    return true;
  }
};
struct ImulWide {
  template <class T> static bool apply(Cpu& cpu, T b) {
    using S = typename Wide<T>::S;
    using Narrow = std::make_signed_t<T>;
    const S product = static_cast<S>(static_cast<S>(static_cast<Narrow>(reg<T>(cpu, kRax))) * static_cast<Narrow>(b));
    const T low = static_cast<T>(product);
    set_accumulator<T>(cpu, static_cast<T>(product >> kBits<T>), low);
    const bool lost = product != static_cast<S>(static_cast<Narrow>(low));
    set_result_flags<T>(cpu.arithmetic, low, lost, lost);
    return true;
  }
};
struct Div {
  template <class T> static bool apply(Cpu& cpu, T b) {
    using U = typename Wide<T>::U;
    if (b == 0) return cpu.raise(Vector::kDE);
    const U dividend = accumulator<T>(cpu);
    const U quotient = dividend / b;
    if (quotient > static_cast<T>(-1)) return cpu.raise(Vector::kDE);
    set_accumulator<T>(cpu, static_cast<T>(dividend % b), static_cast<T>(quotient));
    return true;
  }
};
struct Idiv {
  template <class T> static bool apply(Cpu& cpu, T b) {
    using S = typename Wide<T>::S;
    using U = typename Wide<T>::U;
    using Narrow = std::make_signed_t<T>;
    const S divisor = static_cast<Narrow>(b);
    if (divisor == 0) return cpu.raise(Vector::kDE);
    const S dividend = static_cast<S>(accumulator<T>(cpu));
    // The most negative dividend over -1 overflows the host's division too.
    if (divisor == -1 && static_cast<U>(dividend) == static_cast<U>(U{1} << (2 * kBits<T> - 1))) return cpu.raise(Vector::kDE);
    const S quotient = static_cast<S>(dividend / divisor);
    if (quotient != static_cast<S>(static_cast<Narrow>(quotient))) return cpu.raise(Vector::kDE);
    set_accumulator<T>(cpu, static_cast<T>(dividend % divisor), static_cast<T>(quotient));
    return true;
  }
};

template <class Op>
struct WideReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    return Op::template apply<T>(cpu, reg<T>(cpu, op->dst)) ? next(cpu, op) : fault(cpu, op);
  }
};
template <class Op>
struct WideMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T b;
    return load(cpu, op, b) && Op::template apply<T>(cpu, b) ? next(cpu, op) : fault(cpu, op);
  }
};
template <class Op>
bool bind_wide(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) return bind_to(uop, by_size<WideMem<Op>>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_size<WideReg<Op>>(d.size(0)));
}

// --- IMUL with two and three operands ----------------------------------------------------------------------------------------
template <class T>
T multiply(LazyFlags& f, T a, T b) {
  using S = typename Wide<T>::S;
  using Narrow = std::make_signed_t<T>;
  const S product = static_cast<S>(static_cast<S>(static_cast<Narrow>(a)) * static_cast<Narrow>(b));
  const T r = static_cast<T>(product);
  const bool lost = product != static_cast<S>(static_cast<Narrow>(r));
  set_result_flags<T>(f, r, lost, lost);
  return r;
}
enum class Factor : uint8_t { kDestination, kImmediate };
template <Factor kFactor>
struct ImulReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T other = kFactor == Factor::kImmediate ? static_cast<T>(op->imm) : reg<T>(cpu, op->dst);
    set_reg<T>(cpu, op->dst, multiply<T>(cpu.arithmetic, reg<T>(cpu, op->src), other));
    return next(cpu, op);
  }
};
template <Factor kFactor>
struct ImulMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T value;
    if (!load(cpu, op, value)) return fault(cpu, op);
    const T other = kFactor == Factor::kImmediate ? static_cast<T>(op->imm) : reg<T>(cpu, op->dst);
    set_reg<T>(cpu, op->dst, multiply<T>(cpu.arithmetic, value, other));
    return next(cpu, op);
  }
};
template <Factor kFactor>
bool bind_imul_form(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  if (d.is_mem(1)) return bind_to(uop, by_size<ImulMem<kFactor>>(d.size(0)));
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<ImulReg<kFactor>>(d.size(0)));
}
bool bind_imul(const Decoded& d, Uop& uop) {
  unsigned explicit_operands = 0;
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i) explicit_operands += d.ops[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
  switch (explicit_operands) {
    case 1: return bind_wide<ImulWide>(d, uop);
    case 2: return bind_imul_form<Factor::kDestination>(d, uop);
    default: return bind_imul_form<Factor::kImmediate>(d, uop);
  }
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_MUL, kNone, kNo, CostClass::kMultiply, false, "SDM 2B 4.3 MUL", bind_wide<Mul>},
    {ZYDIS_MNEMONIC_IMUL, kNone, kNo, CostClass::kMultiply, false, "SDM 2A 3.2 IMUL", bind_imul},
    {ZYDIS_MNEMONIC_DIV, kNone, kNo, CostClass::kDivide, false, "SDM 2A 3.2 DIV", bind_wide<Div>},
    {ZYDIS_MNEMONIC_IDIV, kNone, kNo, CostClass::kDivide, false, "SDM 2A 3.2 IDIV", bind_wide<Idiv>},
};

}  // namespace

std::span<const InstructionInfo> integer_multiply_rows() { return kRows; }

}  // namespace ringside::hw
