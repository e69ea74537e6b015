// SSE4.2: the four string comparisons and CRC32.
#include <array>
#include <bit>

#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;

// The immediate of PCMPxSTRx [SDM 1 12.10 / 2B 4.1 "Imm8 Control Byte Operation"]:
//   6 last index or expanded mask | 5:4 polarity | 3:2 aggregation | 1:0 element type
enum class Aggregation { kEqualAny, kRanges, kEqualEach, kEqualOrdered };
enum class Polarity { kPositive, kNegative, kMaskedPositive, kMaskedNegative };
constexpr unsigned kLastOrExpanded = 1 << 6;
constexpr Aggregation aggregation(unsigned imm) { return static_cast<Aggregation>(imm >> 2 & 3); }
constexpr Polarity polarity(unsigned imm) { return static_cast<Polarity>(imm >> 4 & 3); }

struct Comparison {
  unsigned bits = 0;      // IntRes2: one bit per element of the second operand
  unsigned elements = 0;  // 8 or 16
  unsigned length_a = 0, length_b = 0;
};

// Bit j of the result speaks of element j of b. Elements past a string's end count as the table "Summary of Im8 Control Byte"
// 4-7 says: never equal in kEqualAny and kRanges; equal to each other in kEqualEach; a's always matching in kEqualOrdered.
template <class T>
unsigned aggregate(const Lanes<T>& a, const Lanes<T>& b, unsigned length_a, unsigned length_b, Aggregation how) {
  constexpr unsigned n = Lanes<T>::kCount;
  unsigned bits = 0;
  switch (how) {
    case Aggregation::kEqualAny:
      for (unsigned j = 0; j < length_b; ++j) {
        for (unsigned i = 0; i < length_a; ++i) bits |= static_cast<unsigned>(a.v[i] == b.v[j]) << j;
      }
      return bits;
    case Aggregation::kRanges:
      for (unsigned j = 0; j < length_b; ++j) {
        for (unsigned i = 0; i + 1 < length_a; i += 2) bits |= static_cast<unsigned>(a.v[i] <= b.v[j] && b.v[j] <= a.v[i + 1]) << j;
      }
      return bits;
    case Aggregation::kEqualEach:
      for (unsigned i = 0; i < n; ++i) {
        const bool in_a = i < length_a, in_b = i < length_b;
        bits |= static_cast<unsigned>(in_a && in_b ? a.v[i] == b.v[i] : in_a == in_b) << i;
      }
      return bits;
    case Aggregation::kEqualOrdered:
      for (unsigned j = 0; j < n; ++j) {
        bool all = true;
        for (unsigned i = 0; all && i < length_a && i + j < n; ++i) all = i + j < length_b && a.v[i] == b.v[i + j];
        bits |= static_cast<unsigned>(all) << j;
      }
      return bits;
  }
  return bits;
}

// Number of elements before the first zero one.
template <class T>
unsigned implicit_length(const Lanes<T>& x) {
  unsigned i = 0;
  while (i < Lanes<T>::kCount && x.v[i] != 0) ++i;
  return i;
}
// |value|, at most `limit`.
unsigned explicit_length(int64_t value, unsigned limit) {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  return magnitude > limit ? limit : static_cast<unsigned>(magnitude);
}

enum class Length { kExplicit, kImplicit };

template <class T, Length length>
Comparison compare_as(const Cpu& cpu, const Uop* op, V a, V b) {
  const auto x = lanes<T>(a), y = lanes<T>(b);
  Comparison out{.elements = Lanes<T>::kCount};
  if (length == Length::kImplicit) {
    out.length_a = implicit_length(x);
    out.length_b = implicit_length(y);
  } else {
    const bool wide = op->flags & kOperandRexW;
    const auto value = [&](unsigned r) { return wide ? static_cast<int64_t>(cpu.gpr[r]) : static_cast<int32_t>(cpu.gpr[r]); };
    out.length_a = explicit_length(value(kRax), out.elements);
    out.length_b = explicit_length(value(kRdx), out.elements);
  }
  const unsigned imm = op->imm & 0xff;
  out.bits = aggregate(x, y, out.length_a, out.length_b, aggregation(imm));
  switch (polarity(imm)) {
    case Polarity::kPositive:
    case Polarity::kMaskedPositive: break;
    case Polarity::kNegative: out.bits ^= (1u << out.elements) - 1; break;
    case Polarity::kMaskedNegative: out.bits ^= (1u << out.length_b) - 1; break;
  }
  return out;
}
template <Length length>
Comparison compare(const Cpu& cpu, const Uop* op, V a, V b) {
  switch (op->imm & 3) {
    case 0: return compare_as<uint8_t, length>(cpu, op, a, b);
    case 1: return compare_as<uint16_t, length>(cpu, op, a, b);
    case 2: return compare_as<int8_t, length>(cpu, op, a, b);
    default: return compare_as<int16_t, length>(cpu, op, a, b);
  }
}

void put_index(Cpu& cpu, const Uop* op, const Comparison& c) {
  const bool last = op->imm & kLastOrExpanded;
  cpu.gpr[kRcx] = c.bits == 0 ? c.elements : static_cast<unsigned>(last ? 31 - std::countl_zero(c.bits) : std::countr_zero(c.bits));
}
void put_mask(Cpu& cpu, const Uop* op, const Comparison& c) {
  if (!(op->imm & kLastOrExpanded)) {
    cpu.xmm[0] = {c.bits, 0};
    return;
  }
  Lanes<uint8_t> out;
  const unsigned width = 16 / c.elements;
  for (unsigned i = 0; i < 16; ++i) out.v[i] = c.bits >> (i / width) & 1 ? 0xff : 0;
  set_xmm(cpu, 0, to_vector(out));
}

using Put = void (*)(Cpu&, const Uop*, const Comparison&);
template <Length length, Put put>
void finish(Cpu& cpu, const Uop* op, V b) {
  const Comparison c = compare<length>(cpu, op, get_xmm(cpu, op->dst), b);
  put(cpu, op, c);
  cpu.arithmetic.unpack((c.bits ? rflags::kCf : 0) | (c.length_b < c.elements ? rflags::kZf : 0) |
                        (c.length_a < c.elements ? rflags::kSf : 0) | (c.bits & 1 ? rflags::kOf : 0));
}
template <Length length, Put put>
bool string_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  finish<length, put>(cpu, op, get_xmm(cpu, op->src));
  return true;
}
template <Length length, Put put>
bool string_memory(Cpu& cpu, const Uop* op) {
  V value;
  if (!allow_sse(cpu) || !load_vector<Alignment::kAny>(cpu, op, value)) return false;
  finish<length, put>(cpu, op, value);
  return true;
}
template <Length length, Put put>
bool bind_string(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<string_register<length, put>>, handler<string_memory<length, put>>); }

// --- CRC32: polynomial 11EDC6F41H, reflected ---------------------------------------------------------------------------------------
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t x = i;
    for (int bit = 0; bit < 8; ++bit) x = x & 1 ? x >> 1 ^ 0x82f63b78 : x >> 1;
    table[i] = x;
  }
  return table;
}();

template <class T>
void crc(Cpu& cpu, const Uop* op, T value) {
  auto x = static_cast<uint32_t>(cpu.gpr[op->dst]);
  for (unsigned i = 0; i < sizeof(T); ++i) x = x >> 8 ^ kCrcTable[(x ^ static_cast<uint8_t>(uint64_t{value} >> (8 * i))) & 0xff];
  cpu.gpr[op->dst] = x;
}
template <class T>
bool crc_register(Cpu& cpu, const Uop* op) {
  crc(cpu, op, reg<T>(cpu, op->src));
  return true;
}
template <class T>
bool crc_memory(Cpu& cpu, const Uop* op) {
  T value;
  if (!load(cpu, op, value)) return false;
  crc(cpu, op, value);
  return true;
}
bool bind_crc(const Decoded& d, Uop& u) {
  switch (d.size(1)) {
    case 1: return bind_forms(d, u, handler<crc_register<uint8_t>>, handler<crc_memory<uint8_t>>);
    case 2: return bind_forms(d, u, handler<crc_register<uint16_t>>, handler<crc_memory<uint16_t>>);
    case 4: return bind_forms(d, u, handler<crc_register<uint32_t>>, handler<crc_memory<uint32_t>>);
    default: return bind_forms(d, u, handler<crc_register<uint64_t>>, handler<crc_memory<uint64_t>>);
  }
}

constexpr CostClass kSlow = CostClass::kSimdSlow;
constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PCMPESTRI, "SDM 2B 4.3 PCMPESTRI", bind_string<Length::kExplicit, put_index>, kSlow),
    simd_row(ZYDIS_MNEMONIC_PCMPESTRM, "SDM 2B 4.3 PCMPESTRM", bind_string<Length::kExplicit, put_mask>, kSlow),
    simd_row(ZYDIS_MNEMONIC_PCMPISTRI, "SDM 2B 4.3 PCMPISTRI", bind_string<Length::kImplicit, put_index>, kSlow),
    simd_row(ZYDIS_MNEMONIC_PCMPISTRM, "SDM 2B 4.3 PCMPISTRM", bind_string<Length::kImplicit, put_mask>, kSlow),
    simd_row(ZYDIS_MNEMONIC_CRC32, "SDM 2A 3.2 CRC32", bind_crc),
};

}  // namespace

std::span<const InstructionInfo> simd_string_rows() { return kRows; }

}  // namespace ringside::hw
