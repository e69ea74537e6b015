// ROUNDxx in integer arithmetic (SSE4.1 is not part of every x86-64 host), and the reciprocal approximations.
//
// MODEL: RCPxx and RSQRTxx are the correctly rounded value cut to 12 significant bits. Real CPUs promise a relative error below
// 1.5 * 2^-12 and differ from vendor to vendor [SDM 2B 4.3 RCPPS]; this is within the promise and the same everywhere.
#include <bit>
#include <cmath>

#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"
#include "hwmodel/exec/simd_mxcsr.h"

namespace ringside::hw {
namespace {

using V = __m128i;

// --- ROUND: imm[1:0] rounding mode, imm[2] use MXCSR's instead, imm[3] do not report inexact [SDM 2B 4.3 ROUNDPS] ---------------------
template <class T>
struct Ieee;
template <>
struct Ieee<uint32_t> { static constexpr unsigned kFraction = 23; static constexpr int kBias = 127; };
template <>
struct Ieee<uint64_t> { static constexpr unsigned kFraction = 52; static constexpr int kBias = 1023; };

enum class Rounding : uint8_t { kNearest, kDown, kUp, kZero };

template <class T>
T round_to_integer(T x, Rounding rounding, bool denormals_are_zero, uint32_t& flags) {
  using F = Ieee<T>;
  constexpr T kSign = T{1} << (sizeof(T) * 8 - 1), kExponent = static_cast<T>(~kSign) & ~((T{1} << F::kFraction) - 1);
  constexpr T kQuiet = T{1} << (F::kFraction - 1), kOne = static_cast<T>(F::kBias) << F::kFraction;
  const T sign = x & kSign;
  T magnitude = x & ~kSign;
  if (magnitude > kExponent) {
    if (!(x & kQuiet)) flags |= mxcsr::kIe;
    return x | kQuiet;
  }
  if (denormals_are_zero && magnitude < (T{1} << F::kFraction)) return sign;
  const int exponent = static_cast<int>(magnitude >> F::kFraction) - F::kBias;
  if (exponent >= static_cast<int>(F::kFraction) || magnitude == 0) return x;
  flags |= mxcsr::kPe;  // withdrawn below if nothing is cut off
  const bool away = (rounding == Rounding::kUp && !sign) || (rounding == Rounding::kDown && sign);
  if (exponent < 0) {
    const bool up = away || (rounding == Rounding::kNearest && magnitude > kOne - (T{1} << F::kFraction));  // above one half
    return up ? sign | kOne : sign;
  }
  const T unit = T{1} << (F::kFraction - static_cast<unsigned>(exponent)), cut = magnitude & (unit - 1);
  magnitude -= cut;
  if (cut == 0) flags &= ~mxcsr::kPe;
  const bool nearest_up = rounding == Rounding::kNearest && (cut > unit / 2 || (cut == unit / 2 && (magnitude & unit)));
  if (cut != 0 && (away || nearest_up)) magnitude += unit;  // a carry moves into the exponent as it should
  return sign | magnitude;
}

template <class T, unsigned count>
bool round_lanes(Cpu& cpu, const Uop* op, V b) {
  const unsigned imm = op->imm & 0xff;
  const auto rounding = static_cast<Rounding>(imm & 4 ? cpu.mxcsr >> mxcsr::kRoundingShift & 3 : imm & 3);
  const auto source = lanes<T>(b);
  auto result = lanes<T>(get_xmm(cpu, op->dst));
  uint32_t flags = 0;
  for (unsigned i = 0; i < count; ++i) {
    uint32_t lane_flags = 0;
    result.v[i] = round_to_integer(source.v[i], rounding, cpu.mxcsr & mxcsr::kDaz, lane_flags);
    flags |= lane_flags;
  }
  if (imm & 8) flags &= ~mxcsr::kPe;
  if (!accept_float_flags(cpu, flags)) return false;
  set_xmm(cpu, op->dst, to_vector(result));
  return true;
}
template <class T, unsigned count>
bool round_register(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && round_lanes<T, count>(cpu, op, get_xmm(cpu, op->src)); }
template <class T, unsigned count>
bool round_memory(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  if constexpr (count == 1) {
    T value;
    return load(cpu, op, value) && round_lanes<T, count>(cpu, op, _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})));
  } else {
    V value;
    return load_vector<Alignment::kSixteen>(cpu, op, value) && round_lanes<T, count>(cpu, op, value);
  }
}
template <class T, unsigned count>
bool bind_round(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<round_register<T, count>>, handler<round_memory<T, count>>); }

// --- approximations: no exceptions, MXCSR is not consulted, denormals count as zero -----------------------------------------------
constexpr uint32_t kSignBit = 0x80000000, kInfinity = 0x7f800000, kSmallestNormal = 0x00800000, kIndefinite = 0xffc00000;

uint32_t cut_to_12_bits(double value) {
  const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  if ((bits & ~kSignBit) < kSmallestNormal) return bits & kSignBit;
  return bits & ~uint32_t{0xfff};
}
uint32_t reciprocal(uint32_t x) {
  const uint32_t sign = x & kSignBit, magnitude = x & ~kSignBit;
  if (magnitude > kInfinity) return x | 0x00400000;
  if (magnitude == kInfinity) return sign;
  if (magnitude < kSmallestNormal) return sign | kInfinity;
  return cut_to_12_bits(1.0 / static_cast<double>(std::bit_cast<float>(x)));
}
uint32_t reciprocal_root(uint32_t x) {
  const uint32_t sign = x & kSignBit, magnitude = x & ~kSignBit;
  if (magnitude > kInfinity) return x | 0x00400000;
  if (magnitude < kSmallestNormal) return sign | kInfinity;
  if (sign) return kIndefinite;
  if (magnitude == kInfinity) return 0;
  return cut_to_12_bits(1.0 / std::sqrt(static_cast<double>(std::bit_cast<float>(x))));
}
using Approximation = uint32_t (*)(uint32_t);
template <Approximation f>
V approximate_all(V, V b) { return each<uint32_t>(b, b, [](uint32_t x, uint32_t) { return f(x); }); }
template <Approximation f>
V approximate_first(V a, V b) {
  auto x = lanes<uint32_t>(a);
  x.v[0] = f(lanes<uint32_t>(b).v[0]);
  return to_vector(x);
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_ROUNDPS, "SDM 2B 4.3 ROUNDPS", bind_round<uint32_t, 4>),
    simd_row(ZYDIS_MNEMONIC_ROUNDPD, "SDM 2B 4.3 ROUNDPD", bind_round<uint64_t, 2>),
    simd_row(ZYDIS_MNEMONIC_ROUNDSS, "SDM 2B 4.3 ROUNDSS", bind_round<uint32_t, 1>),
    simd_row(ZYDIS_MNEMONIC_ROUNDSD, "SDM 2B 4.3 ROUNDSD", bind_round<uint64_t, 1>),
    simd_row(ZYDIS_MNEMONIC_RCPPS, "SDM 2B 4.3 RCPPS", bind_vector<approximate_all<reciprocal>>),
    simd_row(ZYDIS_MNEMONIC_RCPSS, "SDM 2B 4.3 RCPSS", bind_narrow<approximate_first<reciprocal>, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_RSQRTPS, "SDM 2B 4.3 RSQRTPS", bind_vector<approximate_all<reciprocal_root>>),
    simd_row(ZYDIS_MNEMONIC_RSQRTSS, "SDM 2B 4.3 RSQRTSS", bind_narrow<approximate_first<reciprocal_root>, uint32_t>),
};

}  // namespace

std::span<const InstructionInfo> simd_round_rows() { return kRows; }

}  // namespace ringside::hw
