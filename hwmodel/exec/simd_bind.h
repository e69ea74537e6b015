// Binding of SIMD forms to handlers: operands of "destination op= source" instructions in their XMM and MMX versions, with and
// without an immediate, as templates over the pure operation. Used by the tables of the simd_* groups.
#pragma once

#include "hwmodel/exec/fpu_gate.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

// Rows of the SIMD groups, joined by simd_instructions().
std::span<const InstructionInfo> simd_move_rows();
std::span<const InstructionInfo> simd_mask_rows();
std::span<const InstructionInfo> simd_integer_rows();
std::span<const InstructionInfo> simd_multiply_rows();
std::span<const InstructionInfo> simd_shift_rows();
std::span<const InstructionInfo> simd_shuffle_rows();
std::span<const InstructionInfo> simd_blend_rows();
std::span<const InstructionInfo> simd_lane_rows();
std::span<const InstructionInfo> simd_float_rows();
std::span<const InstructionInfo> simd_compare_rows();
std::span<const InstructionInfo> simd_round_rows();
std::span<const InstructionInfo> simd_convert_rows();
std::span<const InstructionInfo> simd_string_rows();
std::span<const InstructionInfo> fpu_state_rows();

constexpr InstructionInfo simd_row(ZydisMnemonic mnemonic, const char* section, Bind bind, CostClass cost = CostClass::kSimd) {
  return {mnemonic, Privilege::kNone, Sensitive::kNo, cost, false, section, bind};
}

// Pure operations. VectorOp: both operands; ImmediateOp: and the immediate byte.
using VectorOp = __m128i (*)(__m128i, __m128i);
using ImmediateOp = __m128i (*)(__m128i, __m128i, unsigned);

// How a 128-bit operation is used for the 64-bit MMX form.
enum class MmxForm {
  kNone,     // there is no MMX form
  kLanes,    // lane by lane: operands in the low halves, result in the low half
  kHigh,     // the result is the high half (unpack-high from unpack-low)
  kJoined,   // the operation takes its operand pairwise or packs it: one joined source:destination vector, result in the low half
};

inline bool is_xmm(const Decoded& d, unsigned i) { return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == ZYDIS_REGCLASS_XMM; }
inline bool is_mmx(const Decoded& d, unsigned i) { return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == ZYDIS_REGCLASS_MMX; }

// Registers of operands 0 and 1 into dst and src.
inline void take_registers(const Decoded& d, Uop& u) {
  if (d.is_reg(0)) u.dst = register_number(d.ops[0].reg.value);
  if (d.insn.operand_count_visible > 1 && d.is_reg(1)) u.src = register_number(d.ops[1].reg.value);
}
inline bool bind_forms(const Decoded& d, Uop& u, Handler from_register, Handler from_memory) {
  take_registers(d, u);
  u.fn = d.is_mem(1) ? from_memory : from_register;
  return u.fn != nullptr;
}

// --- XMM ------------------------------------------------------------------------------------------------------------
template <ImmediateOp f>
bool xmm_from_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_xmm(cpu, op->dst, f(get_xmm(cpu, op->dst), get_xmm(cpu, op->src), op->imm & 0xff));
  return true;
}
template <ImmediateOp f, Alignment alignment>
bool xmm_from_memory(Cpu& cpu, const Uop* op) {
  __m128i source;
  if (!allow_sse(cpu) || !load_vector<alignment>(cpu, op, source)) return false;
  set_xmm(cpu, op->dst, f(get_xmm(cpu, op->dst), source, op->imm & 0xff));
  return true;
}
// Memory operand narrower than the register (PMOVZX ..., scalar operands): T zero-extended.
template <ImmediateOp f, class T>
bool xmm_from_narrow(Cpu& cpu, const Uop* op) {
  T value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  set_xmm(cpu, op->dst, f(get_xmm(cpu, op->dst), _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})), op->imm & 0xff));
  return true;
}

// --- MMX ------------------------------------------------------------------------------------------------------------
inline __m128i mmx_vector(uint64_t value) { return _mm_cvtsi64_si128(static_cast<int64_t>(value)); }

template <ImmediateOp f, MmxForm form>
uint64_t mmx_apply(uint64_t a, uint64_t b, unsigned imm) {
  if constexpr (form == MmxForm::kJoined) {
    const __m128i joined = _mm_set_epi64x(static_cast<int64_t>(b), static_cast<int64_t>(a));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(f(joined, joined, imm)));
  }
  __m128i result = f(mmx_vector(a), mmx_vector(b), imm);
  if (form == MmxForm::kHigh) result = _mm_unpackhi_epi64(result, result);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(result));
}
template <ImmediateOp f, MmxForm form>
bool mmx_from_register(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, mmx_apply<f, form>(mmx(cpu, op->dst), mmx(cpu, op->src), op->imm & 0xff));
  return true;
}
template <ImmediateOp f, MmxForm form, class T>
bool mmx_from_memory(Cpu& cpu, const Uop* op) {
  T source;
  if (!allow_mmx(cpu) || !load(cpu, op, source)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, mmx_apply<f, form>(mmx(cpu, op->dst), source, op->imm & 0xff));
  return true;
}

// --- the Bind functions of the tables ---------------------------------------------------------------------------------
template <ImmediateOp f, MmxForm form = MmxForm::kNone>
bool bind_immediate(const Decoded& d, Uop& u) {
  if (is_xmm(d, 0)) return bind_forms(d, u, handler<xmm_from_register<f>>, handler<xmm_from_memory<f, Alignment::kSixteen>>);
  if constexpr (form != MmxForm::kNone) {
    const bool half = d.is_mem(1) && d.size(1) == 4;   // PUNPCKL of MMX reads 32 bits
    return bind_forms(d, u, handler<mmx_from_register<f, form>>,
                      half ? handler<mmx_from_memory<f, form, uint32_t>> : handler<mmx_from_memory<f, form, uint64_t>>);
  }
  return false;
}
template <VectorOp f>
inline __m128i ignore_immediate(__m128i a, __m128i b, unsigned) { return f(a, b); }
template <VectorOp f, MmxForm form = MmxForm::kNone>
bool bind_vector(const Decoded& d, Uop& u) { return bind_immediate<ignore_immediate<f>, form>(d, u); }

// The source is narrower than a register: T in memory.
template <VectorOp f, class T>
bool bind_narrow(const Decoded& d, Uop& u) {
  return bind_forms(d, u, handler<xmm_from_register<ignore_immediate<f>>>, handler<xmm_from_narrow<ignore_immediate<f>, T>>);
}
template <ImmediateOp f, class T>
bool bind_narrow_immediate(const Decoded& d, Uop& u) {
  return bind_forms(d, u, handler<xmm_from_register<f>>, handler<xmm_from_narrow<f, T>>);
}

}  // namespace ringside::hw
