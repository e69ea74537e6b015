// Sign masks into general registers (PMOVMSKB, MOVMSKPS/PD) and byte-masked stores (MASKMOVQ, MASKMOVDQU).
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;
using MaskOp = unsigned (*)(V);

template <MaskOp f>
bool mask_of_xmm(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_reg<uint64_t>(cpu, op->dst, f(get_xmm(cpu, op->src)));
  return true;
}
bool mask_of_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_reg<uint64_t>(cpu, op->dst, static_cast<unsigned>(_mm_movemask_epi8(mmx_vector(mmx(cpu, op->src)))));
  return true;
}
template <MaskOp f>
bool bind_mask(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = is_mmx(d, 1) ? handler<mask_of_mmx> : handler<mask_of_xmm<f>>;
  return true;
}

// Bytes of `value` whose mask byte has its sign set go to DS:rDI (or the overriding segment). Permission for the whole range is
// needed whatever the mask says; MODEL: with an all-zero mask faults are implementation specific [SDM 2B 4.3 MASKMOVDQU], here none.
bool store_masked(Cpu& cpu, const Uop* op, V value, V mask, unsigned size) {
  const unsigned bits = static_cast<unsigned>(_mm_movemask_epi8(mask)) & ((1u << size) - 1);
  if (bits == 0) return true;
  const uint64_t width = op->address_size == 8 ? ~0ull : op->address_size == 4 ? 0xffffffffull : 0xffffull;
  uint64_t linear;
  if (!linear_address(cpu, op, op->segment, cpu.gpr[kRdi] & width, size, true, linear)) return false;
  if (!probe_write(cpu, linear, size)) return false;
  const auto bytes = lanes<uint8_t>(value);
  for (unsigned i = 0; i < size; ++i) {
    if ((bits >> i & 1) && !store_linear(cpu, linear + i, bytes.v[i])) return false;
  }
  return true;
}
bool store_masked_xmm(Cpu& cpu, const Uop* op) {
  return allow_sse(cpu) && store_masked(cpu, op, get_xmm(cpu, op->dst), get_xmm(cpu, op->src), 16);
}
bool store_masked_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu) || !store_masked(cpu, op, mmx_vector(mmx(cpu, op->dst)), mmx_vector(mmx(cpu, op->src)), 8)) return false;
  enter_mmx(cpu);
  return true;
}
// Visible operands are the value and the mask; the memory operand at rDI is hidden, so its segment is taken here.
template <Execute execute>
bool bind_store_masked(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.segment = kDs;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_ES) u.segment = kEs;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_CS) u.segment = kCs;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_SS) u.segment = kSs;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS) u.segment = kFs;
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS) u.segment = kGs;
  if (d.code_size != 64) u.mode = u.address_size == 2 ? AddressMode::kLegacy16 : AddressMode::kLegacy32;
  else if (u.address_size == 4) u.mode = AddressMode::kLong32;
  else u.mode = u.segment == kFs || u.segment == kGs ? AddressMode::kLongSeg : AddressMode::kFlat;
  u.fn = handler<execute>;
  return true;
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_PMOVMSKB, "SDM 2B 4.3 PMOVMSKB", bind_mask<[](V a) { return static_cast<unsigned>(_mm_movemask_epi8(a)); }>),
    simd_row(ZYDIS_MNEMONIC_MOVMSKPS, "SDM 2B 4.3 MOVMSKPS",
             bind_mask<[](V a) { return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(a))); }>),
    simd_row(ZYDIS_MNEMONIC_MOVMSKPD, "SDM 2B 4.3 MOVMSKPD",
             bind_mask<[](V a) { return static_cast<unsigned>(_mm_movemask_pd(_mm_castsi128_pd(a))); }>),
    simd_row(ZYDIS_MNEMONIC_MASKMOVDQU, "SDM 2B 4.3 MASKMOVDQU", bind_store_masked<store_masked_xmm>, CostClass::kSimdSlow),
    simd_row(ZYDIS_MNEMONIC_MASKMOVQ, "SDM 2B 4.3 MASKMOVQ", bind_store_masked<store_masked_mmx>, CostClass::kSimdSlow),
};

}  // namespace

std::span<const InstructionInfo> simd_mask_rows() { return kRows; }

}  // namespace ringside::hw
