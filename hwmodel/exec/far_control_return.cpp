// Far RET and IRET in every mode: to the same and outer rings, to virtual-8086 mode, back along a task link [SDM 2A 3.2 IRET; 2B 4.3 RET].
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/far_control.h"
#include "hwmodel/exec/system_flags.h"
#include "hwmodel/exec/system_stack.h"
#include "hwmodel/exec/task_switch.h"

namespace ringside::hw {
namespace {

// The outer stack, popped from the inner one.
struct OuterStack {
  Segment ss;
  uint64_t rsp = 0;
};

bool pop_outer_stack(Cpu& cpu, SystemStack& stack, unsigned slot, const FarTarget& target, OuterStack& out) {
  uint64_t selector;
  if (!stack.pop(cpu, out.rsp, slot) || !stack.pop(cpu, selector, slot)) return false;
  return check_stack_segment(cpu, static_cast<uint16_t>(selector), target.cpl, Vector::kGP, is_code64(cpu, target.cs), out.ss);
}

// rSP is loaded as wide as the new stack uses it: a 16-bit stack keeps the upper half of what was there.
void load_stack_pointer(Cpu& cpu, const OuterStack& outer, bool code64, uint64_t extra) {
  const unsigned width = stack_width(outer.ss, code64);
  const uint64_t value = outer.rsp + extra;
  cpu.gpr[kRsp] = width == 8 ? value : width == 4 ? static_cast<uint32_t>(value) : (cpu.gpr[kRsp] & ~uint64_t{0xffff}) | (value & 0xffff);
}

void enter_outer(Cpu& cpu, const FarTarget& target, const OuterStack& outer, uint64_t extra) {
  const bool leaves_ring = target.cpl != cpu.cpl;
  cpu.segment[kSs] = outer.ss;
  load_stack_pointer(cpu, outer, is_code64(cpu, target.cs), extra);
  enter_target(cpu, target);
  if (leaves_ring) drop_inner_segments(cpu);
}

// --- RET far ------------------------------------------------------------------------------------------------------------

bool protected_return(Cpu& cpu, const Uop* op) {
  const unsigned slot = op->operand_size;
  SystemStack stack = SystemStack::current(cpu);
  uint64_t rip, selector;
  FarTarget target;
  if (!stack.pop(cpu, rip, slot) || !stack.pop(cpu, selector, slot)) return false;
  if (!check_return_code(cpu, static_cast<uint16_t>(selector), rip, target)) return false;
  stack.skip(op->imm);
  if (target.cpl == cpu.cpl) {
    cpu.gpr[kRsp] = stack.pointer();
    enter_target(cpu, target);
    return true;
  }
  OuterStack outer;
  if (!pop_outer_stack(cpu, stack, slot, target, outer)) return false;
  enter_outer(cpu, target, outer, op->imm);
  return true;
}

bool paragraph_return(Cpu& cpu, const Uop* op) {
  SystemStack stack = SystemStack::current(cpu);
  uint64_t rip, selector;
  if (!stack.pop(cpu, rip, op->operand_size) || !stack.pop(cpu, selector, op->operand_size)) return false;
  if (!check_paragraph_rip(cpu, rip)) return false;
  stack.skip(op->imm);
  cpu.gpr[kRsp] = stack.pointer();
  enter_paragraph_code(cpu, static_cast<uint16_t>(selector), rip);
  return true;
}

const Uop* return_far(Cpu& cpu, const Uop* op) {
  const bool done = segmented_by_paragraph(cpu) ? paragraph_return(cpu, op) : protected_return(cpu, op);
  return done ? leave(cpu, op) : fault(cpu, op);
}

// --- IRET ---------------------------------------------------------------------------------------------------------------

struct InterruptFrame {
  uint64_t rip = 0, selector = 0, flags = 0;
};

bool pop_frame(Cpu& cpu, SystemStack& stack, unsigned slot, InterruptFrame& f) {
  return stack.pop(cpu, f.rip, slot) && stack.pop(cpu, f.selector, slot) && stack.pop(cpu, f.flags, slot);
}

// The flags IRET may change at the current privilege, before CPL changes; a 16-bit frame holds only the lower half.
uint64_t return_flags_mask(const Cpu& cpu, unsigned slot) {
  uint64_t mask = kUserFlags | rflags::kRf;
  if (cpu.in_real_mode() || cpu.cpl <= cpu.iopl()) mask |= rflags::kIf;
  if (cpu.cpl == 0) mask |= rflags::kIopl | (cpu.in_real_mode() ? 0 : rflags::kVif | rflags::kVip);
  return slot == 2 ? mask & 0xffff : mask;
}

bool real_mode_iret(Cpu& cpu, unsigned slot) {
  SystemStack stack = SystemStack::current(cpu);
  InterruptFrame f;
  if (!pop_frame(cpu, stack, slot, f) || !check_paragraph_rip(cpu, f.rip)) return false;
  write_flags(cpu, f.flags, return_flags_mask(cpu, slot));
  cpu.gpr[kRsp] = stack.pointer();
  enter_paragraph_code(cpu, static_cast<uint16_t>(f.selector), f.rip);
  return true;
}

// Within virtual-8086 mode IOPL, VM, VIF and VIP stay. Below IOPL 3 only a 16-bit IRET with CR4.VME works, on the virtual IF
// [SDM 3A 20.3.3.5 and 2A 3.2 IRET].
bool v86_iret(Cpu& cpu, unsigned slot) {
  const bool virtual_if = cpu.iopl() < 3;
  if (virtual_if && (!(cpu.cr4 & cr4::kVme) || slot != 2)) return cpu.raise(Vector::kGP, 0);
  SystemStack stack = SystemStack::current(cpu);
  InterruptFrame f;
  if (!pop_frame(cpu, stack, slot, f) || !check_paragraph_rip(cpu, f.rip)) return false;
  uint64_t mask = kUserFlags | rflags::kRf | rflags::kIf;
  if (slot == 2) mask &= 0xffff;
  if (virtual_if) {
    const bool held = (f.flags & rflags::kIf) && (cpu.system_flags & rflags::kVip);
    if (held || (f.flags & rflags::kTf)) return cpu.raise(Vector::kGP, 0);
    mask = (mask & ~rflags::kIf) | rflags::kVif;
    if (f.flags & rflags::kIf) f.flags |= rflags::kVif;
  }
  write_flags(cpu, f.flags, mask);
  cpu.gpr[kRsp] = stack.pointer();
  enter_paragraph_code(cpu, static_cast<uint16_t>(f.selector), f.rip);
  return true;
}

bool return_to_v86(Cpu& cpu, SystemStack& stack, const InterruptFrame& f) {
  constexpr SegmentName kPopped[] = {kSs, kEs, kDs, kFs, kGs};
  uint64_t esp, selector[5];
  if (!stack.pop(cpu, esp, 4)) return false;
  for (uint64_t& s : selector) {
    if (!stack.pop(cpu, s, 4)) return false;
  }
  if (f.rip > 0xffff) return cpu.raise(Vector::kGP, 0);
  write_flags(cpu, f.flags, kArchitecturalFlags);
  for (unsigned i = 0; i < 5; ++i) cpu.segment[kPopped[i]] = v86_segment(static_cast<uint16_t>(selector[i]));
  cpu.gpr[kRsp] = esp;
  enter_target(cpu, {v86_segment(static_cast<uint16_t>(f.selector)), f.rip, 3});
  return true;
}

bool protected_iret(Cpu& cpu, unsigned slot) {
  SystemStack stack = SystemStack::current(cpu);
  InterruptFrame f;
  if (!pop_frame(cpu, stack, slot, f)) return false;
  if ((f.flags & rflags::kVm) && slot == 4 && cpu.cpl == 0 && !cpu.in_long_mode()) return return_to_v86(cpu, stack, f);
  FarTarget target;
  if (!check_return_code(cpu, static_cast<uint16_t>(f.selector), f.rip, target)) return false;
  const uint64_t mask = return_flags_mask(cpu, slot);
  // 64-bit code always finds SS:RSP in the frame.
  if (target.cpl != cpu.cpl || cpu.in_64bit_mode()) {
    OuterStack outer;
    if (!pop_outer_stack(cpu, stack, slot, target, outer)) return false;
    enter_outer(cpu, target, outer, 0);
  } else {
    cpu.gpr[kRsp] = stack.pointer();
    enter_target(cpu, target);
  }
  write_flags(cpu, f.flags, mask);
  cpu.mode_changed();
  return true;
}

bool interrupt_return(Cpu& cpu, const Uop* op) {
  const unsigned slot = op->operand_size;
  if (cpu.in_real_mode()) return real_mode_iret(cpu, slot);
  if (cpu.in_v86_mode()) return v86_iret(cpu, slot);
  if (cpu.system_flags & rflags::kNt) {
    return cpu.in_long_mode() ? cpu.raise(Vector::kGP, 0) : return_to_previous_task(cpu, cpu.rip_after(op));
  }
  return protected_iret(cpu, slot);
}

const Uop* iret(Cpu& cpu, const Uop* op) {
  // NMIs are let in again even if this IRET faults [SDM 3A 6.7.1].
  if (cpu.nmi_blocked) {
    cpu.nmi_blocked = false;
    cpu.attention = true;
  }
  return interrupt_return(cpu, op) ? leave(cpu, op) : fault(cpu, op);
}

// --- rows -----------------------------------------------------------------------------------------------------------------

bool bind_return_far(const Decoded& d, Uop& uop) {
  if (d.insn.opcode != 0xca && d.insn.opcode != 0xcb) return false;
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  uop.imm = d.insn.opcode == 0xca ? d.ops[0].imm.value.u & 0xffff : 0;
  return bind_to(uop, return_far);
}

template <unsigned kSlot>
bool bind_iret(const Decoded&, Uop& uop) {
  uop.operand_size = kSlot;
  return bind_to(uop, iret);
}

const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_RET, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2B 4.3 RET", bind_return_far},
    {ZYDIS_MNEMONIC_IRET, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 IRET", bind_iret<2>},
    {ZYDIS_MNEMONIC_IRETD, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 IRET", bind_iret<4>},
    {ZYDIS_MNEMONIC_IRETQ, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 IRET", bind_iret<8>},
};

}  // namespace

std::span<const InstructionInfo> far_return_rows() { return kRows; }

}  // namespace ringside::hw
