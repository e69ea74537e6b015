// SIMD shifts by a register, a memory operand or an immediate: counts above the lane width give zeros (or signs).
#include "hwmodel/exec/simd_bind.h"

namespace ringside::hw {
namespace {

using V = __m128i;

// The immediate forms shift operand 0 in place by the count the register forms take from the low 64 bits of their source.
template <VectorOp f>
bool shift_xmm_immediate(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_xmm(cpu, op->dst, f(get_xmm(cpu, op->dst), _mm_cvtsi32_si128(static_cast<int>(op->imm & 0xff))));
  return true;
}
template <VectorOp f>
bool shift_mmx_immediate(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, mmx_apply<ignore_immediate<f>, MmxForm::kLanes>(mmx(cpu, op->dst), op->imm & 0xff, 0));
  return true;
}
template <VectorOp f>
bool bind_shift(const Decoded& d, Uop& u) {
  if (!d.is_imm(1)) return bind_vector<f, MmxForm::kLanes>(d, u);
  take_registers(d, u);
  u.fn = is_xmm(d, 0) ? handler<shift_xmm_immediate<f>> : handler<shift_mmx_immediate<f>>;
  return true;
}

enum class Direction { kLeft, kRight };
template <Direction direction>
V shift_bytes(V a, V count) {
  const unsigned n = static_cast<unsigned>(_mm_cvtsi128_si32(count));
  if (n > 15) return _mm_setzero_si128();
  using U = unsigned __int128;
  const U x = static_cast<U>(std::bit_cast<U>(a));
  return std::bit_cast<V>(direction == Direction::kLeft ? x << (8 * n) : x >> (8 * n));
}
template <Direction direction>
bool bind_shift_bytes(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = handler<shift_xmm_immediate<shift_bytes<direction>>>;
  return true;
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PSLLW, "SDM 2B 4.3 PSLLW", bind_shift<[](V a, V n) { return _mm_sll_epi16(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSLLD, "SDM 2B 4.3 PSLLW", bind_shift<[](V a, V n) { return _mm_sll_epi32(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSLLQ, "SDM 2B 4.3 PSLLW", bind_shift<[](V a, V n) { return _mm_sll_epi64(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSRLW, "SDM 2B 4.3 PSRLW", bind_shift<[](V a, V n) { return _mm_srl_epi16(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSRLD, "SDM 2B 4.3 PSRLW", bind_shift<[](V a, V n) { return _mm_srl_epi32(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSRLQ, "SDM 2B 4.3 PSRLW", bind_shift<[](V a, V n) { return _mm_srl_epi64(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSRAW, "SDM 2B 4.3 PSRAW", bind_shift<[](V a, V n) { return _mm_sra_epi16(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSRAD, "SDM 2B 4.3 PSRAW", bind_shift<[](V a, V n) { return _mm_sra_epi32(a, n); }>),
    simd_row(ZYDIS_MNEMONIC_PSLLDQ, "SDM 2B 4.3 PSLLDQ", bind_shift_bytes<Direction::kLeft>),
    simd_row(ZYDIS_MNEMONIC_PSRLDQ, "SDM 2B 4.3 PSRLDQ", bind_shift_bytes<Direction::kRight>),
};

}  // namespace

std::span<const InstructionInfo> simd_shift_rows() { return kRows; }

}  // namespace ringside::hw
