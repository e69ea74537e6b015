// Single lanes between vector and general registers or memory: PEXTRx, PINSRx, EXTRACTPS, MOVD, MOVQ, and the bridges between
// MMX and XMM registers.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"

namespace ringside::hw {
namespace {

using V = __m128i;

template <class T>
T lane(const Cpu& cpu, unsigned n, unsigned index) { return lanes<T>(get_xmm(cpu, n)).v[index & (Lanes<T>::kCount - 1)]; }

// --- extraction: the general register is written whole, zero-extended ---------------------------------------------------
template <class T>
bool extract_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_reg<uint64_t>(cpu, op->dst, lane<T>(cpu, op->src, static_cast<unsigned>(op->imm)));
  return true;
}
template <class T>
bool extract_memory(Cpu& cpu, const Uop* op) {
  return allow_sse(cpu) && store(cpu, op, lane<T>(cpu, op->src, static_cast<unsigned>(op->imm)));
}
bool extract_word_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_reg<uint64_t>(cpu, op->dst, static_cast<uint16_t>(mmx(cpu, op->src) >> ((op->imm & 3) * 16)));
  return true;
}
template <class T>
bool bind_extract(const Decoded& d, Uop& u) {
  take_registers(d, u);
  if (d.is_mem(0)) u.fn = handler<extract_memory<T>>;
  else if (is_mmx(d, 1)) u.fn = handler<extract_word_mmx>;
  else u.fn = handler<extract_register<T>>;
  return true;
}

// --- insertion ------------------------------------------------------------------------------------------------------------
template <class T>
void insert(Cpu& cpu, const Uop* op, T value) {
  auto x = lanes<T>(get_xmm(cpu, op->dst));
  x.v[op->imm & (Lanes<T>::kCount - 1)] = value;
  set_xmm(cpu, op->dst, to_vector(x));
}
template <class T>
bool insert_register(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  insert(cpu, op, static_cast<T>(cpu.gpr[op->src]));
  return true;
}
template <class T>
bool insert_memory(Cpu& cpu, const Uop* op) {
  T value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  insert(cpu, op, value);
  return true;
}
void insert_word(Cpu& cpu, const Uop* op, uint16_t value) {
  enter_mmx(cpu);
  const unsigned shift = (op->imm & 3) * 16;
  set_mmx(cpu, op->dst, (mmx(cpu, op->dst) & ~(uint64_t{0xffff} << shift)) | uint64_t{value} << shift);
}
bool insert_word_mmx_register(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  insert_word(cpu, op, reg<uint16_t>(cpu, op->src));
  return true;
}
bool insert_word_mmx_memory(Cpu& cpu, const Uop* op) {
  uint16_t value;
  if (!allow_mmx(cpu) || !load(cpu, op, value)) return false;
  insert_word(cpu, op, value);
  return true;
}
template <class T>
bool bind_insert(const Decoded& d, Uop& u) {
  if (is_mmx(d, 0)) return bind_forms(d, u, handler<insert_word_mmx_register>, handler<insert_word_mmx_memory>);
  return bind_forms(d, u, handler<insert_register<T>>, handler<insert_memory<T>>);
}

// --- MOVD and MOVQ: the low doubleword or quadword, the rest of a vector destination cleared ----------------------------------
template <class T>
bool vector_from_general(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  cpu.xmm[op->dst] = {reg<T>(cpu, op->src), 0};
  return true;
}
template <class T>
bool vector_from_memory(Cpu& cpu, const Uop* op) {
  T value;
  if (!allow_sse(cpu) || !load(cpu, op, value)) return false;
  cpu.xmm[op->dst] = {value, 0};
  return true;
}
template <class T>
bool general_from_vector(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  set_reg(cpu, op->dst, static_cast<T>(cpu.xmm[op->src].lo));
  return true;
}
template <class T>
bool memory_from_vector(Cpu& cpu, const Uop* op) { return allow_sse(cpu) && store(cpu, op, static_cast<T>(cpu.xmm[op->src].lo)); }
bool vector_from_vector(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu)) return false;
  cpu.xmm[op->dst] = {cpu.xmm[op->src].lo, 0};
  return true;
}
template <class T>
bool mmx_from_general(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, reg<T>(cpu, op->src));
  return true;
}
template <class T>
bool mmx_load(Cpu& cpu, const Uop* op) {
  T value;
  if (!allow_mmx(cpu) || !load(cpu, op, value)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, value);
  return true;
}
template <class T>
bool general_from_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_reg(cpu, op->dst, static_cast<T>(mmx(cpu, op->src)));
  return true;
}
template <class T>
bool mmx_store(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu) || !store(cpu, op, static_cast<T>(mmx(cpu, op->src)))) return false;
  enter_mmx(cpu);
  return true;
}
bool mmx_from_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, mmx(cpu, op->src));
  return true;
}
// MOVQ2DQ and MOVDQ2Q are SSE2 instructions that also enter the MMX state.
bool vector_from_mmx(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu) || !allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  cpu.xmm[op->dst] = {mmx(cpu, op->src), 0};
  return true;
}
bool mmx_from_vector(Cpu& cpu, const Uop* op) {
  if (!allow_sse(cpu) || !allow_mmx(cpu)) return false;
  enter_mmx(cpu);
  set_mmx(cpu, op->dst, cpu.xmm[op->src].lo);
  return true;
}

template <class T>
bool bind_move_scalar(const Decoded& d, Uop& u) {
  take_registers(d, u);
  if (is_xmm(d, 0)) u.fn = is_xmm(d, 1) ? handler<vector_from_vector> : d.is_mem(1) ? handler<vector_from_memory<T>> : handler<vector_from_general<T>>;
  else if (is_xmm(d, 1)) u.fn = d.is_mem(0) ? handler<memory_from_vector<T>> : handler<general_from_vector<T>>;
  else if (is_mmx(d, 0)) u.fn = is_mmx(d, 1) ? handler<mmx_from_mmx> : d.is_mem(1) ? handler<mmx_load<T>> : handler<mmx_from_general<T>>;
  else u.fn = d.is_mem(0) ? handler<mmx_store<T>> : handler<general_from_mmx<T>>;
  return true;
}
template <Execute execute>
bool bind_registers(const Decoded& d, Uop& u) {
  take_registers(d, u);
  u.fn = handler<execute>;
  return true;
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_MOVD, "SDM 2B 4.3 MOVD", bind_move_scalar<uint32_t>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVQ, "SDM 2B 4.3 MOVQ", bind_move_scalar<uint64_t>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVQ2DQ, "SDM 2B 4.3 MOVQ2DQ", bind_registers<vector_from_mmx>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_MOVDQ2Q, "SDM 2B 4.3 MOVDQ2Q", bind_registers<mmx_from_vector>, CostClass::kMove),
    simd_row(ZYDIS_MNEMONIC_PEXTRB, "SDM 2B 4.3 PEXTRB", bind_extract<uint8_t>),
    simd_row(ZYDIS_MNEMONIC_PEXTRW, "SDM 2B 4.3 PEXTRW", bind_extract<uint16_t>),
    simd_row(ZYDIS_MNEMONIC_PEXTRD, "SDM 2B 4.3 PEXTRB", bind_extract<uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PEXTRQ, "SDM 2B 4.3 PEXTRB", bind_extract<uint64_t>),
    simd_row(ZYDIS_MNEMONIC_EXTRACTPS, "SDM 2A 3.2 EXTRACTPS", bind_extract<uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PINSRB, "SDM 2B 4.3 PINSRB", bind_insert<uint8_t>),
    simd_row(ZYDIS_MNEMONIC_PINSRW, "SDM 2B 4.3 PINSRW", bind_insert<uint16_t>),
    simd_row(ZYDIS_MNEMONIC_PINSRD, "SDM 2B 4.3 PINSRB", bind_insert<uint32_t>),
    simd_row(ZYDIS_MNEMONIC_PINSRQ, "SDM 2B 4.3 PINSRB", bind_insert<uint64_t>),
};

}  // namespace

std::span<const InstructionInfo> simd_lane_rows() { return kRows; }

}  // namespace ringside::hw
