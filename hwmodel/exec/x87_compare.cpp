// x87 comparisons: into C3, C2, C0 (FCOM, FUCOM, FICOM, FTST, FXAM) and into RFLAGS (FCOMI, FUCOMI).
#include "hwmodel/exec/x87_host.h"
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

constexpr uint16_t kResult = kC0 | kC2 | kC3, kUnorderedResult = kC0 | kC2 | kC3;

void pop_times(FpuState& f, unsigned times) {
  for (unsigned i = 0; i < times; ++i) pop(f);
}

// Masked, an invalid operand compares as unordered; unmasked, nothing changes.
void finish(FpuState& f, const HostResult& r, unsigned pops) {
  if (!accept(f, r.status & static_cast<uint16_t>(~kC1))) return;
  set_condition(f, kResult, r.status);
  pop_times(f, pops);
}
void finish_empty(FpuState& f, unsigned pops) {
  if (!stack_fault(f, StackFault::kUnderflow)) return;
  set_condition(f, kResult, kUnorderedResult);
  pop_times(f, pops);
}

template <Comparison comparison, unsigned pops>
bool compare_register(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0) || is_empty(f, op->src)) finish_empty(f, pops);
  else finish(f, host_compare(comparison, f.control, st(f, 0), st(f, op->src)), pops);
  return true;
}
template <class T, HostResult (*host)(uint16_t, const X87Register&, T), unsigned pops>
bool compare_memory(Cpu& cpu, const Uop* op) {
  T memory;
  if (!allow_x87(cpu) || !load(cpu, op, memory)) return false;
  note_operand(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0)) finish_empty(f, pops);
  else finish(f, host(f.control, st(f, 0), memory), pops);
  return true;
}
template <unsigned pops>
bool bind_ordered(const Decoded& d, Uop& u) {
  if (!has_memory(d)) return bind_stack<compare_register<Comparison::kOrdered, pops>>(d, u);
  note_opcode(d, u);
  switch (opcode_byte(d)) {
    case 0xd8: u.fn = handler<compare_memory<uint32_t, host_compare_m32, pops>>; return true;
    case 0xdc: u.fn = handler<compare_memory<uint64_t, host_compare_m64, pops>>; return true;
    case 0xda: u.fn = handler<compare_memory<uint32_t, host_compare_i32, pops>>; return true;
    case 0xde: u.fn = handler<compare_memory<uint16_t, host_compare_i16, pops>>; return true;
    default: return false;
  }
}

bool ftst(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0)) finish_empty(f, 0);
  else finish(f, host_compare(Comparison::kOrdered, f.control, st(f, 0), kPositiveZero), 0);
  return true;
}

// C3 C2 C0 name the class, C1 the sign, even of an empty register [SDM 2A 3.2 FXAM, table 3-44].
bool fxam(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  const X87Register& x = st(f, 0);
  uint16_t result = 0;
  if (is_empty(f, 0)) {
    result = kC3 | kC0;
  } else {
    switch (classify(x)) {
      case Class::kUnsupported: result = 0; break;
      case Class::kNan: result = kC0; break;
      case Class::kNormal: result = kC2; break;
      case Class::kInfinity: result = kC2 | kC0; break;
      case Class::kZero: result = kC3; break;
      case Class::kDenormal: result = kC3 | kC2; break;
    }
  }
  set_condition(f, kResult | kC1, static_cast<uint16_t>(result | (is_negative(x) ? kC1 : 0)));
  return true;
}

// FCOMI: C3, C2, C0 of the comparison become ZF, PF, CF; the other arithmetic flags are cleared [SDM 2A 3.2 FCOMI].
void set_flags(Cpu& cpu, uint16_t condition) {
  cpu.arithmetic.unpack((condition & kC3 ? rflags::kZf : 0) | (condition & kC2 ? rflags::kPf : 0) | (condition & kC0 ? rflags::kCf : 0));
}
template <Comparison comparison, unsigned pops>
bool compare_flags(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  note_instruction(cpu, op);
  FpuState& f = cpu.fpu;
  if (is_empty(f, 0) || is_empty(f, op->src)) {
    if (!stack_fault(f, StackFault::kUnderflow)) return true;
    set_flags(cpu, kUnorderedResult);
  } else {
    const HostResult r = host_compare(comparison, f.control, st(f, 0), st(f, op->src));
    if (!accept(f, r.status & static_cast<uint16_t>(~kC1))) return true;
    set_flags(cpu, r.status);
  }
  pop_times(f, pops);
  return true;
}

constexpr Comparison kOrdered = Comparison::kOrdered, kUnordered = Comparison::kUnordered;
constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FCOM, "SDM 2A 3.2 FCOM", bind_ordered<0>),
    row(ZYDIS_MNEMONIC_FCOMP, "SDM 2A 3.2 FCOM", bind_ordered<1>),
    row(ZYDIS_MNEMONIC_FCOMPP, "SDM 2A 3.2 FCOM", bind_ordered<2>),
    row(ZYDIS_MNEMONIC_FICOM, "SDM 2A 3.2 FICOM", bind_ordered<0>),
    row(ZYDIS_MNEMONIC_FICOMP, "SDM 2A 3.2 FICOM", bind_ordered<1>),
    row(ZYDIS_MNEMONIC_FUCOM, "SDM 2A 3.2 FUCOM", bind_stack<compare_register<kUnordered, 0>>),
    row(ZYDIS_MNEMONIC_FUCOMP, "SDM 2A 3.2 FUCOM", bind_stack<compare_register<kUnordered, 1>>),
    row(ZYDIS_MNEMONIC_FUCOMPP, "SDM 2A 3.2 FUCOM", bind_stack<compare_register<kUnordered, 2>>),
    row(ZYDIS_MNEMONIC_FTST, "SDM 2A 3.2 FTST", bind_stack<ftst>),
    row(ZYDIS_MNEMONIC_FXAM, "SDM 2A 3.2 FXAM", bind_stack<fxam>),
    row(ZYDIS_MNEMONIC_FCOMI, "SDM 2A 3.2 FCOMI", bind_stack<compare_flags<kOrdered, 0>>),
    row(ZYDIS_MNEMONIC_FCOMIP, "SDM 2A 3.2 FCOMI", bind_stack<compare_flags<kOrdered, 1>>),
    row(ZYDIS_MNEMONIC_FUCOMI, "SDM 2A 3.2 FCOMI", bind_stack<compare_flags<kUnordered, 0>>),
    row(ZYDIS_MNEMONIC_FUCOMIP, "SDM 2A 3.2 FCOMI", bind_stack<compare_flags<kUnordered, 1>>),
};

}  // namespace

std::span<const InstructionInfo> compare_rows() { return kRows; }

}  // namespace ringside::hw::x87
