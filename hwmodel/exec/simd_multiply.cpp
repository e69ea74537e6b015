// SIMD multiplications, horizontal sums, and sums of differences.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;
constexpr MmxForm kLanes = MmxForm::kLanes, kJoined = MmxForm::kJoined;

V multiply_round_scale(V a, V b) {
  return each<int16_t>(a, b, [](int x, int y) { return (((x * y) >> 14) + 1) >> 1; });
}

// Unsigned bytes of the destination times signed bytes of the source, neighbouring products added with saturation.
V multiply_add_bytes(V a, V b) {
  const auto x = lanes<uint8_t>(a);
  const auto y = lanes<int8_t>(b);
  Lanes<int16_t> out;
  for (unsigned i = 0; i < 8; ++i) out.v[i] = saturate<int16_t>(x.v[2 * i] * y.v[2 * i] + x.v[2 * i + 1] * y.v[2 * i + 1]);
  return to_vector(out);
}

V multiply_signed_doublewords(V a, V b) {
  const auto x = lanes<int32_t>(a), y = lanes<int32_t>(b);
  return to_vector(Lanes<int64_t>{{int64_t{x.v[0]} * y.v[0], int64_t{x.v[2]} * y.v[2]}});
}

// Eight sums of absolute differences of a 4-byte block of the source (imm[1:0]) and sliding blocks of the destination (imm[2]).
V sums_of_differences(V a, V b, unsigned imm) {
  const auto x = lanes<uint8_t>(a), y = lanes<uint8_t>(b);
  const unsigned first = (imm >> 2 & 1) * 4, block = (imm & 3) * 4;
  Lanes<uint16_t> out;
  for (unsigned i = 0; i < 8; ++i) {
    unsigned sum = 0;
    for (unsigned k = 0; k < 4; ++k) sum += static_cast<unsigned>(std::abs(x.v[first + i + k] - y.v[block + k]));
    out.v[i] = static_cast<uint16_t>(sum);
  }
  return to_vector(out);
}

V minimum_position(V, V b) {
  const auto x = lanes<uint16_t>(b);
  unsigned best = 0;
  for (unsigned i = 1; i < 8; ++i) {
    if (x.v[i] < x.v[best]) best = i;
  }
  return _mm_set_epi64x(0, static_cast<int64_t>(x.v[best] | best << 16));
}

template <class T>
V horizontal_add(V a, V b) {
  using U = std::make_unsigned_t<T>;
  return each_pair<T>(a, b, [](T x, T y) { return static_cast<U>(static_cast<U>(x) + static_cast<U>(y)); });
}
template <class T>
V horizontal_subtract(V a, V b) {
  using U = std::make_unsigned_t<T>;
  return each_pair<T>(a, b, [](T x, T y) { return static_cast<U>(static_cast<U>(x) - static_cast<U>(y)); });
}
V horizontal_add_saturated(V a, V b) { return each_pair<int16_t>(a, b, [](int x, int y) { return saturate<int16_t>(x + y); }); }
V horizontal_subtract_saturated(V a, V b) { return each_pair<int16_t>(a, b, [](int x, int y) { return saturate<int16_t>(x - y); }); }

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PMULLW, "SDM 2B 4.3 PMULLW", bind_vector<[](V a, V b) { return _mm_mullo_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMULHW, "SDM 2B 4.3 PMULHW", bind_vector<[](V a, V b) { return _mm_mulhi_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMULHUW, "SDM 2B 4.3 PMULHUW", bind_vector<[](V a, V b) { return _mm_mulhi_epu16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMULHRSW, "SDM 2B 4.3 PMULHRSW", bind_vector<multiply_round_scale, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMULUDQ, "SDM 2B 4.3 PMULUDQ", bind_vector<[](V a, V b) { return _mm_mul_epu32(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMULDQ, "SDM 2B 4.3 PMULDQ", bind_vector<multiply_signed_doublewords>),
    simd_row(ZYDIS_MNEMONIC_PMULLD, "SDM 2B 4.3 PMULLD",
             bind_vector<[](V a, V b) { return each<uint32_t>(a, b, [](uint32_t x, uint32_t y) { return x * y; }); }>),
    simd_row(ZYDIS_MNEMONIC_PMADDWD, "SDM 2B 4.3 PMADDWD", bind_vector<[](V a, V b) { return _mm_madd_epi16(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PMADDUBSW, "SDM 2B 4.3 PMADDUBSW", bind_vector<multiply_add_bytes, kLanes>),
    simd_row(ZYDIS_MNEMONIC_PSADBW, "SDM 2B 4.3 PSADBW", bind_vector<[](V a, V b) { return _mm_sad_epu8(a, b); }, kLanes>),
    simd_row(ZYDIS_MNEMONIC_MPSADBW, "SDM 2B 4.3 MPSADBW", bind_immediate<sums_of_differences>, CostClass::kSimdSlow),
    simd_row(ZYDIS_MNEMONIC_PHMINPOSUW, "SDM 2B 4.3 PHMINPOSUW", bind_vector<minimum_position>, CostClass::kSimdSlow),
    simd_row(ZYDIS_MNEMONIC_PHADDW, "SDM 2B 4.3 PHADDW", bind_vector<horizontal_add<int16_t>, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PHADDD, "SDM 2B 4.3 PHADDW", bind_vector<horizontal_add<int32_t>, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PHADDSW, "SDM 2B 4.3 PHADDSW", bind_vector<horizontal_add_saturated, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PHSUBW, "SDM 2B 4.3 PHSUBW", bind_vector<horizontal_subtract<int16_t>, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PHSUBD, "SDM 2B 4.3 PHSUBW", bind_vector<horizontal_subtract<int32_t>, kJoined>),
    simd_row(ZYDIS_MNEMONIC_PHSUBSW, "SDM 2B 4.3 PHSUBSW", bind_vector<horizontal_subtract_saturated, kJoined>),
};

}  // namespace

std::span<const InstructionInfo> simd_multiply_rows() { return kRows; }

}  // namespace ringside::hw
