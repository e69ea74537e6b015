// MMX and SSE integer arithmetic, logic, comparison, minimum and maximum, lane by lane. Multiplications and sums across lanes are
// in simd_multiply, shifts in simd_shift. Operations of SSE2 use the host's; later ones are written out (simd_lanes.h).
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;
constexpr MmxForm kLanes = MmxForm::kLanes;

template <class T>
V absolute(V, V b) {
  return each<T>(b, b, [](T x, T) { return x < 0 ? 0 - static_cast<std::make_unsigned_t<T>>(x) : static_cast<std::make_unsigned_t<T>>(x); });
}
template <class T>
V sign(V a, V b) {
  return each<T>(a, b, [](T x, T y) { return y < 0 ? static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x)) : y == 0 ? T{0} : x; });
}
template <class T>
V minimum(V a, V b) { return each<T>(a, b, [](T x, T y) { return x < y ? x : y; }); }
template <class T>
V maximum(V a, V b) { return each<T>(a, b, [](T x, T y) { return x > y ? x : y; }); }

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PADDB, "SDM 2B 4.3 PADDB", bind_vector<[](V a, V b) { return _mm_add_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDW, "SDM 2B 4.3 PADDB", bind_vector<[](V a, V b) { return _mm_add_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDD, "SDM 2B 4.3 PADDB", bind_vector<[](V a, V b) { return _mm_add_epi32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDQ, "SDM 2B 4.3 PADDB", bind_vector<[](V a, V b) { return _mm_add_epi64(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDSB, "SDM 2B 4.3 PADDSB", bind_vector<[](V a, V b) { return _mm_adds_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDSW, "SDM 2B 4.3 PADDSB", bind_vector<[](V a, V b) { return _mm_adds_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDUSB, "SDM 2B 4.3 PADDUSB", bind_vector<[](V a, V b) { return _mm_adds_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PADDUSW, "SDM 2B 4.3 PADDUSB", bind_vector<[](V a, V b) { return _mm_adds_epu16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBB, "SDM 2B 4.3 PSUBB", bind_vector<[](V a, V b) { return _mm_sub_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBW, "SDM 2B 4.3 PSUBB", bind_vector<[](V a, V b) { return _mm_sub_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBD, "SDM 2B 4.3 PSUBB", bind_vector<[](V a, V b) { return _mm_sub_epi32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBQ, "SDM 2B 4.3 PSUBQ", bind_vector<[](V a, V b) { return _mm_sub_epi64(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBSB, "SDM 2B 4.3 PSUBSB", bind_vector<[](V a, V b) { return _mm_subs_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBSW, "SDM 2B 4.3 PSUBSB", bind_vector<[](V a, V b) { return _mm_subs_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBUSB, "SDM 2B 4.3 PSUBUSB", bind_vector<[](V a, V b) { return _mm_subs_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSUBUSW, "SDM 2B 4.3 PSUBUSB", bind_vector<[](V a, V b) { return _mm_subs_epu16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PAVGB, "SDM 2B 4.3 PAVGB", bind_vector<[](V a, V b) { return _mm_avg_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PAVGW, "SDM 2B 4.3 PAVGB", bind_vector<[](V a, V b) { return _mm_avg_epu16(a, b); }, kLanes>),

    simd_row(ZYDIS_MNEMONIC_PAND, "SDM 2B 4.3 PAND", bind_vector<[](V a, V b) { return _mm_and_si128(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PANDN, "SDM 2B 4.3 PANDN", bind_vector<[](V a, V b) { return _mm_andnot_si128(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_POR, "SDM 2B 4.3 POR", bind_vector<[](V a, V b) { return _mm_or_si128(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PXOR, "SDM 2B 4.3 PXOR", bind_vector<[](V a, V b) { return _mm_xor_si128(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_ANDPS, "SDM 2A 3.2 ANDPS", bind_vector<[](V a, V b) { return _mm_and_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_ANDPD, "SDM 2A 3.2 ANDPD", bind_vector<[](V a, V b) { return _mm_and_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_ANDNPS, "SDM 2A 3.2 ANDNPS", bind_vector<[](V a, V b) { return _mm_andnot_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_ANDNPD, "SDM 2A 3.2 ANDNPD", bind_vector<[](V a, V b) { return _mm_andnot_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_ORPS, "SDM 2B 4.3 ORPS", bind_vector<[](V a, V b) { return _mm_or_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_ORPD, "SDM 2B 4.3 ORPD", bind_vector<[](V a, V b) { return _mm_or_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_XORPS, "SDM 2D 6.1 XORPS", bind_vector<[](V a, V b) { return _mm_xor_si128(a, b); }>),
    simd_row(ZYDIS_MNEMONIC_XORPD, "SDM 2D 6.1 XORPD", bind_vector<[](V a, V b) { return _mm_xor_si128(a, b); }>),

    simd_row(ZYDIS_MNEMONIC_PCMPEQB, "SDM 2B 4.3 PCMPEQB", bind_vector<[](V a, V b) { return _mm_cmpeq_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPEQW, "SDM 2B 4.3 PCMPEQB", bind_vector<[](V a, V b) { return _mm_cmpeq_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPEQD, "SDM 2B 4.3 PCMPEQB", bind_vector<[](V a, V b) { return _mm_cmpeq_epi32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPEQQ, "SDM 2B 4.3 PCMPEQQ",
             bind_vector<[](V a, V b) { return each<int64_t>(a, b, [](int64_t x, int64_t y) { return x == y ? -1 : 0; }); }>),
    simd_row(ZYDIS_MNEMONIC_PCMPGTB, "SDM 2B 4.3 PCMPGTB", bind_vector<[](V a, V b) { return _mm_cmpgt_epi8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPGTW, "SDM 2B 4.3 PCMPGTB", bind_vector<[](V a, V b) { return _mm_cmpgt_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPGTD, "SDM 2B 4.3 PCMPGTB", bind_vector<[](V a, V b) { return _mm_cmpgt_epi32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PCMPGTQ, "SDM 2B 4.3 PCMPGTQ",
             bind_vector<[](V a, V b) { return each<int64_t>(a, b, [](int64_t x, int64_t y) { return x > y ? -1 : 0; }); }>),

    simd_row(ZYDIS_MNEMONIC_PMINUB, "SDM 2B 4.3 PMINUB", bind_vector<[](V a, V b) { return _mm_min_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMAXUB, "SDM 2B 4.3 PMAXUB", bind_vector<[](V a, V b) { return _mm_max_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMINSW, "SDM 2B 4.3 PMINSB", bind_vector<[](V a, V b) { return _mm_min_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMAXSW, "SDM 2B 4.3 PMAXSB", bind_vector<[](V a, V b) { return _mm_max_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMINSB, "SDM 2B 4.3 PMINSB", bind_vector<minimum<int8_t>>),
    simd_row(ZYDIS_MNEMONIC_PMAXSB, "SDM 2B 4.3 PMAXSB", bind_vector<maximum<int8_t>>),
    simd_row(ZYDIS_MNEMONIC_PMINSD, "SDM 2B 4.3 PMINSD", bind_vector<minimum<int32_t>>),
    simd_row(ZYDIS_MNEMONIC_PMAXSD, "SDM 2B 4.3 PMAXSB", bind_vector<maximum<int32_t>>),
    simd_row(ZYDIS_MNEMONIC_PMINUW, "SDM 2B 4.3 PMINUB", bind_vector<minimum<uint16_t>>),
    simd_row(ZYDIS_MNEMONIC_PMAXUW, "SDM 2B 4.3 PMAXUB", bind_vector<maximum<uint16_t>>),
    simd_row(ZYDIS_MNEMONIC_PMINUD, "SDM 2B 4.3 PMINUD", bind_vector<minimum<uint32_t>>),
    simd_row(ZYDIS_MNEMONIC_PMAXUD, "SDM 2B 4.3 PMAXUD", bind_vector<maximum<uint32_t>>),
    simd_row(ZYDIS_MNEMONIC_PABSB, "SDM 2B 4.3 PABSB", bind_vector<absolute<int8_t>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PABSW, "SDM 2B 4.3 PABSB", bind_vector<absolute<int16_t>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PABSD, "SDM 2B 4.3 PABSB", bind_vector<absolute<int32_t>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSIGNB, "SDM 2B 4.3 PSIGNB", bind_vector<sign<int8_t>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSIGNW, "SDM 2B 4.3 PSIGNB", bind_vector<sign<int16_t>, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSIGND, "SDM 2B 4.3 PSIGNB", bind_vector<sign<int32_t>, kLanes>),
};

}  // namespace

std::span<const InstructionInfo> simd_integer_rows() { return kRows; }

}  // namespace ringside::hw
