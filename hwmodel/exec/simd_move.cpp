// SIMD moves of whole registers, halves and scalars, including the non-temporal ones (no cache is modelled here, so they are stores).
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;
constexpr Alignment kAny = Alignment::kAny, kSixteen = Alignment::kSixteen;

// --- 16 bytes -------------------------------------------------------------------------------------------------------------
bool move_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  cpu.xmm[op->dst] = cpu.xmm[op->src];
  return true;
}
template <Alignment alignment>
bool move_load(Cpu& cpu, const Uop* op) {
  V value;
  if (!allow_sse(cpu) || !load_vector<alignment>(cpu, op, value)) return false;
  set_xmm(cpu, op->dst, value);
  return true;
}
template <Alignment alignment>
bool move_store(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && store_vector<alignment>(cpu, op, get_xmm(cpu, op->src)); }

template <Alignment alignment>
bool bind_move(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = d.is_mem(0) ? handler<move_store<alignment>> : d.is_mem(1) ? handler<move_load<alignment>> : handler<move_register>;
  return true;
}

// --- halves: MOVLPS/MOVHPS and the register forms MOVHLPS/MOVLHPS -----------------------------------------------------------
enum class Half { kLow, kHigh };
template <Half half>
uint64_t& half_of(Xmm& x) { return half == Half::kLow ? x.lo : x.hi; }

template <Half half>
bool half_load(Cpu& cpu, const Uop* op) {
  uint64_t value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  half_of<half>(cpu.xmm[op->dst]) = value;
  return true;
}
template <Half half>
bool half_store(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && store(cpu, op, half_of<half>(cpu.xmm[op->src])); }
template <Half to, Half from>
bool half_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  half_of<to>(cpu.xmm[op->dst]) = half_of<from>(cpu.xmm[op->src]);
  return true;
}
template <Half half>
bool bind_half(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = d.is_mem(0) ? handler<half_store<half>> : handler<half_load<half>>;
  return true;
}
template <Half to, Half from>
bool bind_half_register(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<half_register<to, from>>, nullptr); }

// --- scalars: a load clears the rest of the register, a register move keeps it ------------------------------------------------
template <class T>
bool scalar_load(Cpu& cpu, const Uop* op) {
  T value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  cpu.xmm[op->dst] = {value, 0};
  return true;
}
template <class T>
bool scalar_store(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && store(cpu, op, static_cast<T>(cpu.xmm[op->src].lo)); }
template <class T>
bool scalar_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  const T value = static_cast<T>(cpu.xmm[op->src].lo);
  std::memcpy(&cpu.xmm[op->dst].lo, &value, sizeof value);
  return true;
}
// MOVSD is also the string move's name: that form has no XMM operand and belongs to the integer group.
template <class T>
bool bind_scalar(const Decoded& d, Uop& u) {
  if (!is_xmm(d, 0) && !is_xmm(d, 1)) return false;
  take_registers(d, u);
  u.fn = d.is_mem(0) ? handler<scalar_store<T>> : d.is_mem(1) ? handler<scalar_load<T>> : handler<scalar_register<T>>;
  return true;
}

// --- duplications of SSE3 ---------------------------------------------------------------------------------------------------
V duplicate_low(V, V b) { return _mm_unpacklo_epi64(b, b); }
V duplicate_even(V, V b) { return _mm_shuffle_epi32(b, _MM_SHUFFLE(2, 2, 0, 0)); }
V duplicate_odd(V, V b) { return _mm_shuffle_epi32(b, _MM_SHUFFLE(3, 3, 1, 1)); }

// --- non-temporal stores of MMX and general registers -----------------------------------------------------------------------
bool store_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu) || !store(cpu, op, mmx(cpu, op->src))) return false;
  enter_mmx(cpu);
  return true;
}
template <class T>
bool store_general(Cpu& cpu, const Uop* op) { return store(cpu, op, reg<T>(cpu, op->src)); }
bool bind_store_mmx(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = handler<store_mmx>;
  return true;
}
bool bind_store_general(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = d.size(1) == 8 ? handler<store_general<uint64_t>> : handler<store_general<uint32_t>>;
  return true;
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_MOVDQU, "SDM 2B 4.3 MOVDQU", bind_move<kAny>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVDQA, "SDM 2B 4.3 MOVDQA", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVUPS, "SDM 2B 4.3 MOVUPS", bind_move<kAny>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVAPS, "SDM 2B 4.3 MOVAPS", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVUPD, "SDM 2B 4.3 MOVUPD", bind_move<kAny>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVAPD, "SDM 2B 4.3 MOVAPD", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_LDDQU, "SDM 2A 3.2 LDDQU", bind_move<kAny>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTDQ, "SDM 2B 4.3 MOVNTDQ", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTDQA, "SDM 2B 4.3 MOVNTDQA", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTPS, "SDM 2B 4.3 MOVNTPS", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTPD, "SDM 2B 4.3 MOVNTPD", bind_move<kSixteen>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTQ, "SDM 2B 4.3 MOVNTQ", bind_store_mmx, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVNTI, "SDM 2B 4.3 MOVNTI", bind_store_general, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVLPS, "SDM 2B 4.3 MOVLPS", bind_half<Half::kLow>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVLPD, "SDM 2B 4.3 MOVLPD", bind_half<Half::kLow>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVHPS, "SDM 2B 4.3 MOVHPS", bind_half<Half::kHigh>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVHPD, "SDM 2B 4.3 MOVHPD", bind_half<Half::kHigh>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVHLPS, "SDM 2B 4.3 MOVHLPS", bind_half_register<Half::kLow, Half::kHigh>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVLHPS, "SDM 2B 4.3 MOVLHPS", bind_half_register<Half::kHigh, Half::kLow>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVSS, "SDM 2B 4.3 MOVSS", bind_scalar<uint32_t>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVSD, "SDM 2B 4.3 MOVSD", bind_scalar<uint64_t>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVDDUP, "SDM 2B 4.3 MOVDDUP", bind_narrow<duplicate_low, uint64_t>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVSLDUP, "SDM 2B 4.3 MOVSLDUP", bind_vector<duplicate_even>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVSHDUP, "SDM 2B 4.3 MOVSHDUP", bind_vector<duplicate_odd>, CostClass::kMove),
};

}  // namespace

std::span<const InstructionInfo> simd_move_rows() { return kRows; }

}  // namespace ringside::hw
