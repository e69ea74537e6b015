// Far JMP and CALL: direct and through memory, to code segments, call gates, task gates and TSSs [SDM 3A 5.8, 7.3; 2A 3.2 JMP, CALL].
#include <cstring>

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/far_control.h"
#include "hwmodel/exec/system_stack.h"
#include "hwmodel/exec/task_state.h"
#include "hwmodel/exec/task_switch.h"

namespace ringside::hw {
namespace {

enum class Branch : uint8_t { kJump, kCall };

struct FarPointer {
  uint16_t selector = 0;
  uint64_t offset = 0;
};

bool bad_selector(Cpu& cpu, uint16_t selector) { return cpu.raise(Vector::kGP, selector_error(selector)); }

bool push_return_address(Cpu& cpu, SystemStack& stack, uint64_t rip, unsigned slot) {
  return stack.push(cpu, cpu.segment[kCs].selector, slot) && stack.push(cpu, rip, slot);
}

// A code segment named directly: no change of privilege.
bool to_code_segment(Cpu& cpu, const Uop* op, Branch branch, uint16_t selector, Descriptor& d, uint64_t offset) {
  const unsigned rpl = selector & kSelectorRpl;
  const bool level_ok = d.is_conforming_code() ? d.dpl() <= cpu.cpl : rpl <= cpu.cpl && d.dpl() == cpu.cpl;
  const bool width_ok = !(cpu.in_long_mode() && d.long_code() && d.big());
  if (!level_ok || !width_ok) return bad_selector(cpu, selector);
  if (!d.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  if (!set_accessed(cpu, d)) return false;
  FarTarget target{to_segment(d, static_cast<uint16_t>((selector & ~kSelectorRpl) | cpu.cpl)), offset, cpu.cpl};
  if (!check_target_rip(cpu, target)) return false;
  if (branch == Branch::kCall) {
    SystemStack stack = SystemStack::current(cpu);
    if (!push_return_address(cpu, stack, cpu.rip_after(op), op->operand_size)) return false;
    cpu.gpr[kRsp] = stack.pointer();
  }
  enter_target(cpu, target);
  return true;
}

// --- call gates [SDM 3A 5.8.3-5.8.5] ------------------------------------------------------------------------------------

// The gate's target; target.cpl is the ring of its code.
bool gate_target(Cpu& cpu, Branch branch, const Descriptor& gate, bool gate16, FarTarget& out) {
  const uint16_t selector = gate.gate_selector();
  if (is_null(selector)) return cpu.raise(Vector::kGP, 0);
  Descriptor d;
  if (!read_descriptor(cpu, selector, Vector::kGP, d)) return false;
  const bool level_ok = d.dpl() <= cpu.cpl && (branch == Branch::kCall || d.is_conforming_code() || d.dpl() == cpu.cpl);
  const bool width_ok = !cpu.in_long_mode() || (d.long_code() && !d.big());
  if (!d.is_code() || !level_ok || !width_ok) return bad_selector(cpu, selector);
  if (!d.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  if (!set_accessed(cpu, d)) return false;
  const unsigned cpl = d.is_conforming_code() ? cpu.cpl : d.dpl();
  out = {to_segment(d, static_cast<uint16_t>((selector & ~kSelectorRpl) | cpl)), gate16 ? gate.gate_offset() & 0xffff : gate.gate_offset(), cpl};
  return check_target_rip(cpu, out);
}

// The caller's parameters move to the new stack, between its stack pointer and the return address.
bool copy_parameters(Cpu& cpu, SystemStack& to, unsigned count, unsigned slot) {
  const SystemStack from = SystemStack::current(cpu);
  for (unsigned i = count; i-- > 0;) {
    uint64_t value;
    if (!from.read_at(cpu, uint64_t{i} * slot, value, slot) || !to.push(cpu, value, slot)) return false;
  }
  return true;
}

bool call_inner_ring(Cpu& cpu, const Uop* op, const FarTarget& target, unsigned parameters, unsigned slot) {
  SystemStack stack;
  if (slot == 8) {
    uint64_t rsp;
    if (!long_mode_stack_pointer(cpu, 0, target.cpl, rsp)) return false;
    stack = SystemStack::inner(null_segment(static_cast<uint16_t>(target.cpl), target.cpl), rsp, 8, 0);
    parameters = 0;
  } else if (!switch_to_ring_stack(cpu, target.cpl, stack)) {
    return false;
  }
  if (!stack.push(cpu, cpu.segment[kSs].selector, slot) || !stack.push(cpu, cpu.gpr[kRsp], slot)) return false;
  if (!copy_parameters(cpu, stack, parameters, slot)) return false;
  if (!push_return_address(cpu, stack, cpu.rip_after(op), slot)) return false;
  cpu.segment[kSs] = stack.segment();
  cpu.gpr[kRsp] = stack.pointer();
  enter_target(cpu, target);
  return true;
}

bool through_call_gate(Cpu& cpu, const Uop* op, Branch branch, uint16_t selector, Descriptor gate) {
  const bool gate16 = gate.system_type() == SystemType::kCallGate16;
  if (gate.dpl() < cpu.cpl || gate.dpl() < unsigned{selector} % 4) return bad_selector(cpu, selector);
  if (!gate.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  const unsigned parameters = gate.gate_parameters();
  if (!read_upper_half(cpu, selector, Vector::kGP, gate)) return false;
  FarTarget target;
  if (!gate_target(cpu, branch, gate, gate16, target)) return false;
  const unsigned slot = cpu.in_long_mode() ? 8 : gate16 ? 2 : 4;
  if (target.cpl < cpu.cpl) return call_inner_ring(cpu, op, target, parameters, slot);
  if (branch == Branch::kCall) {
    SystemStack stack = slot == 8 ? SystemStack::flat(cpu) : SystemStack::current(cpu);
    if (!push_return_address(cpu, stack, cpu.rip_after(op), slot)) return false;
    cpu.gpr[kRsp] = stack.pointer();
  }
  enter_target(cpu, target);
  return true;
}

// --- tasks ----------------------------------------------------------------------------------------------------------------

bool to_task(Cpu& cpu, const Uop* op, Branch branch, uint16_t selector, const Descriptor& tss) {
  const TaskSwitch kind = branch == Branch::kCall ? TaskSwitch::kNested : TaskSwitch::kJump;
  return switch_task(cpu, selector, tss, kind, cpu.rip_after(op), cpu.rflags());
}

bool through_task_gate(Cpu& cpu, const Uop* op, Branch branch, uint16_t selector, const Descriptor& gate) {
  if (gate.dpl() < cpu.cpl || gate.dpl() < unsigned{selector} % 4) return bad_selector(cpu, selector);
  if (!gate.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  Descriptor tss;
  return find_available_tss(cpu, gate.gate_selector(), Vector::kGP, tss) && to_task(cpu, op, branch, gate.gate_selector(), tss);
}

bool to_tss(Cpu& cpu, const Uop* op, Branch branch, uint16_t selector, const Descriptor& d) {
  if (d.dpl() < cpu.cpl || d.dpl() < unsigned{selector} % 4) return bad_selector(cpu, selector);
  Descriptor tss;
  return find_available_tss(cpu, selector, Vector::kGP, tss) && to_task(cpu, op, branch, selector, tss);
}

// --- the whole transfer -----------------------------------------------------------------------------------------------------

bool protected_branch(Cpu& cpu, const Uop* op, Branch branch, FarPointer p) {
  if (is_null(p.selector)) return cpu.raise(Vector::kGP, 0);
  Descriptor d;
  if (!read_descriptor(cpu, p.selector, Vector::kGP, d)) return false;
  if (d.is_code()) return to_code_segment(cpu, op, branch, p.selector, d, p.offset);
  if (d.is_segment()) return bad_selector(cpu, p.selector);
  if (d.system_type() == SystemType::kCallGate32) return through_call_gate(cpu, op, branch, p.selector, d);
  if (cpu.in_long_mode()) return bad_selector(cpu, p.selector);
  switch (d.system_type()) {
    case SystemType::kCallGate16: return through_call_gate(cpu, op, branch, p.selector, d);
    case SystemType::kTaskGate: return through_task_gate(cpu, op, branch, p.selector, d);
    case SystemType::kTss16: case SystemType::kTss32: return to_tss(cpu, op, branch, p.selector, d);
    default: return bad_selector(cpu, p.selector);
  }
}

bool paragraph_branch(Cpu& cpu, const Uop* op, Branch branch, FarPointer p) {
  if (!check_paragraph_rip(cpu, p.offset)) return false;
  if (branch == Branch::kCall) {
    SystemStack stack = SystemStack::current(cpu);
    if (!push_return_address(cpu, stack, cpu.rip_after(op), op->operand_size)) return false;
    cpu.gpr[kRsp] = stack.pointer();
  }
  enter_paragraph_code(cpu, p.selector, p.offset);
  return true;
}

template <Branch kBranch>
const Uop* far_branch(Cpu& cpu, const Uop* op, FarPointer p) {
  const bool done = segmented_by_paragraph(cpu) ? paragraph_branch(cpu, op, kBranch, p) : protected_branch(cpu, op, kBranch, p);
  return done ? leave(cpu, op) : fault(cpu, op);
}

template <Branch kBranch>
const Uop* far_direct(Cpu& cpu, const Uop* op) {
  return far_branch<kBranch>(cpu, op, {op->opcode, op->imm});
}

template <Branch kBranch>
const Uop* far_indirect(Cpu& cpu, const Uop* op) {
  const unsigned size = op->operand_size;
  uint8_t bytes[10];
  uint64_t linear;
  if (!operand_address(cpu, op, size + 2, false, linear) || !load_slow(cpu, linear, bytes, size + 2)) return fault(cpu, op);
  FarPointer p;
  std::memcpy(&p.offset, bytes, size);
  std::memcpy(&p.selector, bytes + size, 2);
  return far_branch<kBranch>(cpu, op, p);
}

template <Branch kBranch>
bool bind_far(const Decoded& d, Uop& uop) {
  if (d.insn.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR) return false;
  if (d.is_mem(0)) {
    uop.operand_size = static_cast<uint8_t>(d.size(0) - 2);   // m16:16, m16:32, m16:64
    return bind_to(uop, far_indirect<kBranch>);
  }
  uop.opcode = d.ops[0].ptr.segment;
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  uop.imm = uop.operand_size == 2 ? static_cast<uint16_t>(d.ops[0].ptr.offset) : static_cast<uint32_t>(d.ops[0].ptr.offset);
  return bind_to(uop, far_direct<kBranch>);
}

const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_JMP, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 JMP", bind_far<Branch::kJump>},
    {ZYDIS_MNEMONIC_CALL, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 CALL", bind_far<Branch::kCall>},
};

}  // namespace

std::span<const InstructionInfo> far_branch_rows() { return kRows; }

}  // namespace ringside::hw
