// SIMD packing, unpacking, shuffling, alignment and widening: lanes change places, no arithmetic.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;
constexpr MmxForm kLanes = MmxForm::kLanes, kHigh = MmxForm::kHigh, kJoined = MmxForm::kJoined;

V pack_unsigned_doublewords(V a, V b) {
  const auto x = lanes<int32_t>(a), y = lanes<int32_t>(b);
  Lanes<uint16_t> out;
  for (unsigned i = 0; i < 4; ++i) {
    out.v[i] = saturate<uint16_t>(x.v[i]);
    out.v[i + 4] = saturate<uint16_t>(y.v[i]);
  }
  return to_vector(out);
}

// Lane i of the result is lane imm[2i+1:2i] of the source.
V shuffle_doublewords(V, V b, unsigned imm) {
  const auto y = lanes<uint32_t>(b);
  return to_vector(Lanes<uint32_t>{{y.v[imm & 3], y.v[imm >> 2 & 3], y.v[imm >> 4 & 3], y.v[imm >> 6 & 3]}});
}
template <unsigned first>
V shuffle_words(V, V b, unsigned imm) {
  const auto y = lanes<uint16_t>(b);
  auto out = y;
  for (unsigned i = 0; i < 4; ++i) out.v[first + i] = y.v[first + (imm >> (2 * i) & 3)];
  return to_vector(out);
}
V shuffle_single(V a, V b, unsigned imm) {
  const auto x = lanes<uint32_t>(a), y = lanes<uint32_t>(b);
  return to_vector(Lanes<uint32_t>{{x.v[imm & 3], x.v[imm >> 2 & 3], y.v[imm >> 4 & 3], y.v[imm >> 6 & 3]}});
}
V shuffle_double(V a, V b, unsigned imm) {
  return to_vector(Lanes<uint64_t>{{lanes<uint64_t>(a).v[imm & 1], lanes<uint64_t>(b).v[imm >> 1 & 1]}});
}

// Byte i of the result is byte b[i] of a, or 0 where b[i] has bit 7 set; the MMX form selects among 8 bytes.
template <unsigned bytes>
V shuffle_bytes(V a, V b, unsigned) {
  const auto x = lanes<uint8_t>(a), y = lanes<uint8_t>(b);
  Lanes<uint8_t> out{};
  for (unsigned i = 0; i < bytes; ++i) out.v[i] = y.v[i] & 0x80 ? 0 : x.v[y.v[i] & (bytes - 1)];
  return to_vector(out);
}
// destination:source as one number, shifted right by imm bytes.
V align_right(V a, V b, unsigned imm) {
  using U = unsigned __int128;
  const U high = std::bit_cast<U>(a), low = std::bit_cast<U>(b);
  if (imm >= 32) return _mm_setzero_si128();
  if (imm >= 16) return std::bit_cast<V>(high >> (8 * (imm - 16)));
  if (imm == 0) return b;
  return std::bit_cast<V>(low >> (8 * imm) | high << (128 - 8 * imm));
}
V align_right_mmx(V a, V b, unsigned imm) {
  if (imm >= 16) return _mm_setzero_si128();
  return std::bit_cast<V>(std::bit_cast<unsigned __int128>(_mm_unpacklo_epi64(b, a)) >> (8 * imm));
}

// The XMM and MMX versions differ in more than width.
template <ImmediateOp wide, ImmediateOp narrow>
bool bind_two(const Decoded& d, Uop& u) {
  return is_xmm(d, 0) ? bind_immediate<wide>(d, u) : bind_immediate<narrow, kLanes>(d, u);
}
template <class From, class To>
V widen_source(V, V b) { return widen<From, To>(b); }

// Unpack-high: the MMX form is the high half of unpack-low of the low halves.
template <VectorOp low, VectorOp high>
bool bind_unpack_high(const Decoded& d, Uop& u) { return is_xmm(d, 0) ? bind_vector<high>(d, u) : bind_vector<low, kHigh>(d, u); }

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PACKSSWB, "SDM 2B 4.3 PACKSSWB", bind_vector<[](V a, V b) { return _mm_packs_epi16(a, b); }, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PACKSSDW, "SDM 2B 4.3 PACKSSWB", bind_vector<[](V a, V b) { return _mm_packs_epi32(a, b); }, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PACKUSWB, "SDM 2B 4.3 PACKUSWB", bind_vector<[](V a, V b) { return _mm_packus_epi16(a, b); }, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PACKUSDW, "SDM 2B 4.3 PACKUSDW", bind_vector<pack_unsigned_doublewords>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKLBW, "SDM 2B 4.3 PUNPCKLBW", bind_vector<[](V a, V b) { return _mm_unpacklo_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKLWD, "SDM 2B 4.3 PUNPCKLBW", bind_vector<[](V a, V b) { return _mm_unpacklo_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKLDQ, "SDM 2B 4.3 PUNPCKLBW", bind_vector<[](V a, V b) { return _mm_unpacklo_epi32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKLQDQ, "SDM 2B 4.3 PUNPCKLBW", bind_vector<[](V a, V b) { return _mm_unpacklo_epi64(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_UNPCKLPS, "SDM 2D 6.1 UNPCKLPS", bind_vector<[](V a, V b) { return _mm_unpacklo_epi32(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_UNPCKHPS, "SDM 2D 6.1 UNPCKHPS", bind_vector<[](V a, V b) { return _mm_unpackhi_epi32(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_UNPCKLPD, "SDM 2D 6.1 UNPCKLPD", bind_vector<[](V a, V b) { return _mm_unpacklo_epi64(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_UNPCKHPD, "SDM 2D 6.1 UNPCKHPD", bind_vector<[](V a, V b) { return _mm_unpackhi_epi64(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKHBW, "SDM 2B 4.3 PUNPCKHBW",
             bind_unpack_high<[](V a, V b) { return _mm_unpacklo_epi8(a, b); }, [](V a, V b) { return _mm_unpackhi_epi8(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKHWD, "SDM 2B 4.3 PUNPCKHBW",
             bind_unpack_high<[](V a, V b) { return _mm_unpacklo_epi16(a, b); }, [](V a, V b) { return _mm_unpackhi_epi16(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKHDQ, "SDM 2B 4.3 PUNPCKHBW",
             bind_unpack_high<[](V a, V b) { return _mm_unpacklo_epi32(a, b); }, [](V a, V b) { return _mm_unpackhi_epi32(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_PUNPCKHQDQ, "SDM 2B 4.3 PUNPCKHBW", bind_vector<[](V a, V b) { return _mm_unpackhi_epi64(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_PSHUFD, "SDM 2B 4.3 PSHUFD", bind_immediate<shuffle_doublewords>),
    simd_row(ZYDIS_MNEMONIC_PSHUFLW, "SDM 2B 4.3 PSHUFLW", bind_immediate<shuffle_words<0>>),
    simd_row(ZYDIS_MNEMONIC_PSHUFHW, "SDM 2B 4.3 PSHUFHW", bind_immediate<shuffle_words<4>>),
    simd_row(ZYDIS_MNEMONIC_PSHUFW, "SDM 2B 4.3 PSHUFW", bind_immediate<shuffle_words<0>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_SHUFPS, "SDM 2B 4.3 SHUFPS", bind_immediate<shuffle_single>),
    simd_row(ZYDIS_MNEMONIC_SHUFPD, "SDM 2B 4.3 SHUFPD", bind_immediate<shuffle_double>),
    simd_row(ZYDIS_MNEMONIC_PSHUFB, "SDM 2B 4.3 PSHUFB", bind_two<shuffle_bytes<16>, shuffle_bytes<8>>),
    simd_row(ZYDIS_MNEMONIC_PALIGNR, "SDM 2B 4.3 PALIGNR", bind_two<align_right, align_right_mmx>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXBW, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int8_t, int16_t>, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXBD, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int8_t, int32_t>, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXBQ, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int8_t, int64_t>, uint16_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXWD, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int16_t, int32_t>, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXWQ, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int16_t, int64_t>, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVSXDQ, "SDM 2B 4.3 PMOVSX", bind_narrow<widen_source<int32_t, int64_t>, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXBW, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint8_t, uint16_t>, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXBD, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint8_t, uint32_t>, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXBQ, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint8_t, uint64_t>, uint16_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXWD, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint16_t, uint32_t>, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXWQ, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint16_t, uint64_t>, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PMOVZXDQ, "SDM 2B 4.3 PMOVZX", bind_narrow<widen_source<uint32_t, uint64_t>, uint64_t>),
};

}  // namespace

std::span<const InstructionInfo> simd_shuffle_rows() { return kRows; }

}  // namespace ringside::hw
