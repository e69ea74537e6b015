// SIMD selection: blends by immediate or by XMM0, single-lane insertion of INSERTPS, and PTEST.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;

// Lane i comes from the source where bit i of the immediate is set.
template <class T>
V blend(V a, V b, unsigned imm) {
  auto x = lanes<T>(a);
  const auto y = lanes<T>(b);
  for (unsigned i = 0; i < Lanes<T>::kCount; ++i) {
    if (imm >> i & 1) x.v[i] = y.v[i];
  }
  return to_vector(x);
}
// ... where the sign bit of lane i of XMM0 is set.
template <class T>
V blend_by_sign(V a, V b, V mask) {
  auto x = lanes<T>(a);
  const auto y = lanes<T>(b), m = lanes<T>(mask);
  for (unsigned i = 0; i < Lanes<T>::kCount; ++i) {
    if (m.v[i] < 0) x.v[i] = y.v[i];
  }
  return to_vector(x);
}
template <class T>
bool blend_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_xmm(cpu, op->dst, blend_by_sign<T>(get_xmm(cpu, op->dst), get_xmm(cpu, op->src), get_xmm(cpu, 0)));
  return true;
}
template <class T>
bool blend_memory(Cpu& cpu, const Uop* op) {
  V source;
  if (!allow_sse(cpu) || !load_vector<Alignment::kSixteen>(cpu, op, source)) return false;
  set_xmm(cpu, op->dst, blend_by_sign<T>(get_xmm(cpu, op->dst), source, get_xmm(cpu, 0)));
  return true;
}
template <class T>
bool bind_blend_variable(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<blend_register<T>>, handler<blend_memory<T>>); }

// INSERTPS imm: source lane 7:6 (0 from memory), destination lane 5:4, lanes to clear 3:0.
V insert_single(V a, uint32_t value, unsigned imm) {
  auto x = lanes<uint32_t>(a);
  x.v[imm >> 4 & 3] = value;
  for (unsigned i = 0; i < 4; ++i) {
    if (imm >> i & 1) x.v[i] = 0;
  }
  return to_vector(x);
}
V insert_single_register(V a, V b, unsigned imm) { return insert_single(a, lanes<uint32_t>(b).v[imm >> 6 & 3], imm); }
bool insert_single_memory(Cpu& cpu, const Uop* op) {
  uint32_t value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  set_xmm(cpu, op->dst, insert_single(get_xmm(cpu, op->dst), value, op->imm & 0xff));
  return true;
}
bool bind_insert_single(const Decoded& d, Uop& u) {
  return bind_forms(d, u, handler<xmm_from_register<insert_single_register>>, handler<insert_single_memory>);
}

// ZF: no common bit. CF: the source has no bit the destination lacks. The rest are cleared.
void test_bits(Cpu& cpu, V a, V b) {
  const auto both = lanes<uint64_t>(_mm_and_si128(a, b)), extra = lanes<uint64_t>(_mm_andnot_si128(a, b));
  const bool zero = !(both.v[0] | both.v[1]), carry = !(extra.v[0] | extra.v[1]);
  cpu.arithmetic.unpack((zero ? rflags::kZf : 0) | (carry ? rflags::kCf : 0));
}
bool test_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  test_bits(cpu, get_xmm(cpu, op->dst), get_xmm(cpu, op->src));
  return true;
}
bool test_memory(Cpu& cpu, const Uop* op) {
  V source;
  if (!allow_sse(cpu) || !load_vector<Alignment::kSixteen>(cpu, op, source)) return false;
  test_bits(cpu, get_xmm(cpu, op->dst), source);
  return true;
}
bool bind_test(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<test_register>, handler<test_memory>); }

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_BLENDPS, "SDM 2A 3.2 BLENDPS", bind_immediate<blend<uint32_t>>),
    simd_row(ZYDIS_MNEMONIC_BLENDPD, "SDM 2A 3.2 BLENDPD", bind_immediate<blend<uint64_t>>),
    simd_row(ZYDIS_MNEMONIC_PBLENDW, "SDM 2B 4.3 PBLENDW", bind_immediate<blend<uint16_t>>),
    simd_row(ZYDIS_MNEMONIC_BLENDVPS, "SDM 2A 3.2 BLENDVPS", bind_blend_variable<int32_t>),
    simd_row(ZYDIS_MNEMONIC_BLENDVPD, "SDM 2A 3.2 BLENDVPD", bind_blend_variable<int64_t>),
    simd_row(ZYDIS_MNEMONIC_PBLENDVB, "SDM 2B 4.3 PBLENDVB", bind_blend_variable<int8_t>),
    simd_row(ZYDIS_MNEMONIC_INSERTPS, "SDM 2A 3.2 INSERTPS", bind_insert_single),
    simd_row(ZYDIS_MNEMONIC_PTEST, "SDM 2B 4.3 PTEST", bind_test),
};

}  // namespace

std::span<const InstructionInfo> simd_blend_rows() { return kRows; }

}  // namespace ringside::hw
