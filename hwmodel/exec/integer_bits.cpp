// BT BTS BTR BTC, BSF BSR, POPCNT.
#include <bit>

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

// Only CF changes [SDM 2A 3.2 BT]; the others are undefined (ZF unchanged) and stay.
struct Bt { template <class T> static T apply(T a, T) { return a; } static constexpr bool kWrites = false; };
struct Bts { template <class T> static T apply(T a, T mask) { return a | mask; } static constexpr bool kWrites = true; };
struct Btr { template <class T> static T apply(T a, T mask) { return static_cast<T>(a & ~mask); } static constexpr bool kWrites = true; };
struct Btc { template <class T> static T apply(T a, T mask) { return a ^ mask; } static constexpr bool kWrites = true; };

enum class Index : uint8_t { kImmediate, kRegister };
template <class T, Index kIndex>
uint64_t bit_index(const Cpu& cpu, const Uop* op) { return kIndex == Index::kImmediate ? op->imm : reg<T>(cpu, op->src); }

template <class Op, Index kIndex>
struct BitReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const T a = reg<T>(cpu, op->dst);
    const T mask = static_cast<T>(T{1} << (bit_index<T, kIndex>(cpu, op) & (kBits<T> - 1)));
    set_cf(cpu.arithmetic, a & mask);
    if (Op::kWrites) set_reg<T>(cpu, op->dst, Op::template apply<T>(a, mask));
    return next(cpu, op);
  }
};
// A register index reaches beyond the operand: it addresses a bit string in memory.
template <class Op, Index kIndex>
struct BitMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const uint64_t index = bit_index<T, kIndex>(cpu, op);
    uint64_t offset = effective_offset(cpu, op);
    if constexpr (kIndex == Index::kRegister) {
      const int64_t unit = static_cast<std::make_signed_t<T>>(index) >> std::countr_zero(kBits<T>);
      offset += static_cast<uint64_t>(unit) * sizeof(T);
      if (op->address_size == 4) offset = static_cast<uint32_t>(offset);
      if (op->address_size == 2) offset = static_cast<uint16_t>(offset);
    }
    uint64_t linear;
    if (!linear_address(cpu, op, op->segment, offset, sizeof(T), Op::kWrites, linear)) return fault(cpu, op);
    const T mask = static_cast<T>(T{1} << (index & (kBits<T> - 1)));
    T old{};
    if constexpr (Op::kWrites) {
      if (!modify_linear<T>(cpu, linear, [&](T a) { old = a; return Op::template apply<T>(a, mask); })) return fault(cpu, op);
    } else {
      if (!load_linear(cpu, linear, old)) return fault(cpu, op);
    }
    set_cf(cpu.arithmetic, old & mask);
    return next(cpu, op);
  }
};
template <class Op>
bool bind_bit(const Decoded& d, Uop& uop) {
  const bool immediate = d.is_imm(1);
  if (!immediate) uop.src = number_of(d, 1);
  if (d.is_mem(0)) return bind_to(uop, immediate ? by_size<BitMem<Op, Index::kImmediate>>(d.size(0)) : by_size<BitMem<Op, Index::kRegister>>(d.size(0)));
  uop.dst = number_of(d, 0);
  return bind_to(uop, immediate ? by_size<BitReg<Op, Index::kImmediate>>(d.size(0)) : by_size<BitReg<Op, Index::kRegister>>(d.size(0)));
}

// --- scans and counts: dst = f(src) ------------------------------------------------------------------------------------------
// A zero source leaves the destination as it was (documented by AMD, done by Intel) and sets ZF.
template <class T>
void scan(Cpu& cpu, const Uop* op, T source, unsigned found) {
  if (source) set_reg<T>(cpu, op->dst, static_cast<T>(found));
  set_result_flags<T>(cpu.arithmetic, source, false, false);
}
struct Bsf { template <class T> static void apply(Cpu& cpu, const Uop* op, T s) { scan<T>(cpu, op, s, static_cast<unsigned>(std::countr_zero(s))); } };
struct Bsr { template <class T> static void apply(Cpu& cpu, const Uop* op, T s) { scan<T>(cpu, op, s, s ? static_cast<unsigned>(std::bit_width(s) - 1) : 0); } };
struct Popcnt {
  template <class T> static void apply(Cpu& cpu, const Uop* op, T s) {
    set_reg<T>(cpu, op->dst, static_cast<T>(std::popcount(s)));
    cpu.arithmetic.unpack(s == 0 ? rflags::kZf : 0);
  }
};
template <class Op>
struct ScanReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { Op::template apply<T>(cpu, op, reg<T>(cpu, op->src)); return next(cpu, op); }
};
template <class Op>
struct ScanMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T s;
    if (!load(cpu, op, s)) return fault(cpu, op);
    Op::template apply<T>(cpu, op, s);
    return next(cpu, op);
  }
};
template <class Op>
bool bind_scan(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  if (d.is_mem(1)) return bind_to(uop, by_size<ScanMem<Op>>(d.size(0)));
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<ScanReg<Op>>(d.size(0)));
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_BT, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BT", bind_bit<Bt>},
    {ZYDIS_MNEMONIC_BTS, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BTS", bind_bit<Bts>},
    {ZYDIS_MNEMONIC_BTR, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BTR", bind_bit<Btr>},
    {ZYDIS_MNEMONIC_BTC, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BTC", bind_bit<Btc>},
    {ZYDIS_MNEMONIC_BSF, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BSF", bind_scan<Bsf>},
    {ZYDIS_MNEMONIC_BSR, kNone, kNo, CostClass::kAlu, false, "SDM 2A 3.2 BSR", bind_scan<Bsr>},
    {ZYDIS_MNEMONIC_POPCNT, kNone, kNo, CostClass::kAlu, false, "SDM 2B 4.3 POPCNT", bind_scan<Popcnt>},
};

}  // namespace

std::span<const InstructionInfo> integer_bit_rows() { return kRows; }

}  // namespace ringside::hw
