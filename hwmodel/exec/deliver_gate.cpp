#include "hwmodel/exec/deliver_gate.h"

#include "hwmodel/exec/access.h"
#include "hwmodel/exec/segmentation.h"
#include "hwmodel/exec/system_stack.h"
#include "hwmodel/exec/task_state.h"
#include "hwmodel/exec/task_switch.h"

namespace ringside::hw {
namespace {

enum class GateKind : uint8_t { kInterrupt, kTrap };

// What a gate says, whatever its size.
struct Gate {
  GateKind kind = GateKind::kInterrupt;
  uint16_t selector = 0;
  uint64_t offset = 0;
  unsigned ist = 0;
  unsigned slot = 4;   // bytes of what is pushed
};

struct CodeTarget {
  Segment cs;
  unsigned cpl = 0;
};

// Error code for a bad IDT entry: the vector with the IDT bit [SDM 3A 6.13 "Error Code"].
uint32_t idt_error(uint8_t vector) { return vector * 8u + 2; }

// RFLAGS as pushed. RF marks that a fault's instruction is to run again without hitting its breakpoint once more
// [SDM 3B 18.3.1.1]; #DB is a fault only for instruction breakpoints, where the handler sets RF itself, and for DR accesses.
uint64_t pushed_flags(const Cpu& cpu, const PendingEvent& event) {
  const uint64_t flags = cpu.rflags();
  if (event.external || event.software) return flags;
  switch (static_cast<Vector>(event.vector)) {
    case Vector::kDE: case Vector::kBR: case Vector::kUD: case Vector::kNM: case Vector::kTS: case Vector::kNP: case Vector::kSS:
    case Vector::kGP: case Vector::kPF: case Vector::kMF: case Vector::kAC: case Vector::kXM: return flags | rflags::kRf;
    default: return flags;
  }
}

void set_entry_flags(Cpu& cpu, GateKind kind) {
  uint64_t clear = rflags::kTf | rflags::kNt | rflags::kRf | rflags::kVm;
  if (kind == GateKind::kInterrupt) clear |= rflags::kIf;
  cpu.system_flags &= ~clear;
}

void enter_code(Cpu& cpu, const CodeTarget& target, uint64_t rip) {
  cpu.segment[kCs] = target.cs;
  cpu.cpl = static_cast<uint8_t>(target.cpl);
  cpu.rip = rip;
}

// --- finding the gate and its code ------------------------------------------------------------------------------------

bool read_gate(Cpu& cpu, const PendingEvent& event, Descriptor& d) {
  const bool wide = cpu.in_long_mode();
  const unsigned bytes = wide ? 16 : 8;
  const uint64_t offset = uint64_t{event.vector} * bytes;
  if (offset + bytes - 1 > cpu.idtr.limit) return cpu.raise(Vector::kGP, idt_error(event.vector));
  d.address = wide ? cpu.idtr.base + offset : static_cast<uint32_t>(cpu.idtr.base + offset);
  if (!load_system(cpu, d.address, &d.low, 8)) return false;
  if (wide && !load_system(cpu, d.address + 8, &d.high, 8)) return false;
  const auto type = d.system_type();
  bool known = !d.is_segment() && (type == SystemType::kInterruptGate32 || type == SystemType::kTrapGate32);
  if (!wide) {
    known |= !d.is_segment() && (type == SystemType::kTaskGate || type == SystemType::kInterruptGate16 || type == SystemType::kTrapGate16);
  }
  if (!known || (event.software && d.dpl() < cpu.cpl)) return cpu.raise(Vector::kGP, idt_error(event.vector));
  return d.present() ? true : cpu.raise(Vector::kNP, idt_error(event.vector));
}

Gate parse_gate(const Cpu& cpu, const Descriptor& d) {
  const auto type = d.system_type();
  Gate g;
  g.kind = type == SystemType::kTrapGate32 || type == SystemType::kTrapGate16 ? GateKind::kTrap : GateKind::kInterrupt;
  g.selector = d.gate_selector();
  g.offset = d.gate_offset();
  if (cpu.in_long_mode()) {
    g.ist = d.gate_ist();
    g.slot = 8;
  } else if (type == SystemType::kInterruptGate16 || type == SystemType::kTrapGate16) {
    g.offset &= 0xffff;
    g.slot = 2;
  }
  return g;
}

// The handler's code segment and the privilege it runs at [SDM 3A 6.12.1.1 "Protection of Exception- and Interrupt-Handler Procedures"].
bool find_code(Cpu& cpu, const Gate& gate, CodeTarget& out) {
  if (is_null(gate.selector)) return cpu.raise(Vector::kGP, 0);
  Descriptor d;
  if (!read_descriptor(cpu, gate.selector, Vector::kGP, d)) return false;
  const bool bad = !d.is_code() || d.dpl() > cpu.cpl || (cpu.in_long_mode() && (!d.long_code() || d.big()));
  if (bad) return cpu.raise(Vector::kGP, selector_error(gate.selector));
  if (!d.present()) return cpu.raise(Vector::kNP, selector_error(gate.selector));
  out.cpl = d.is_conforming_code() ? cpu.cpl : d.dpl();
  // Out of virtual-8086 mode there is only one way: to ring 0 [SDM 3A 20.3.1.1].
  if (cpu.in_v86_mode() && out.cpl != 0) return cpu.raise(Vector::kGP, selector_error(gate.selector));
  if (!set_accessed(cpu, d)) return false;
  out.cs = to_segment(d, static_cast<uint16_t>((gate.selector & ~kSelectorRpl) | out.cpl));
  const bool reachable = cpu.in_long_mode() ? canonical(gate.offset) : gate.offset <= out.cs.limit;
  return reachable ? true : cpu.raise(Vector::kGP, 0);
}

// --- stacks -----------------------------------------------------------------------------------------------------------

// [SDM 3A 6.14.2-6.14.5]: an IST stack always switches, a ring stack on a privilege change; the frame is aligned to 16 bytes.
bool long_mode_stack(Cpu& cpu, const Gate& gate, unsigned cpl, SystemStack& out) {
  const bool switches = gate.ist || cpl < cpu.cpl;
  uint64_t rsp = cpu.gpr[kRsp];
  if (switches && !long_mode_stack_pointer(cpu, gate.ist, cpl, rsp)) return false;
  const Segment ss = cpl < cpu.cpl ? null_segment(static_cast<uint16_t>(cpl), cpl) : cpu.segment[kSs];
  // A stack at CPL 3 is reached as the program reaches it; inner ones are the processor's accesses.
  out = cpl == 3 && !switches ? SystemStack::flat(cpu) : SystemStack::inner(ss, rsp, 8, 0);
  out.align16();
  return true;
}

bool push_error(Cpu& cpu, SystemStack& stack, const PendingEvent& event, unsigned slot) {
  return !event.has_error || stack.push(cpu, event.error, slot);
}

// --- the ways in -----------------------------------------------------------------------------------------------------------

bool enter_long(Cpu& cpu, const PendingEvent& event, const Gate& gate, uint64_t return_rip) {
  CodeTarget target;
  SystemStack stack;
  if (!find_code(cpu, gate, target) || !long_mode_stack(cpu, gate, target.cpl, stack)) return false;
  const uint64_t frame[] = {cpu.segment[kSs].selector, cpu.gpr[kRsp], pushed_flags(cpu, event), cpu.segment[kCs].selector, return_rip};
  for (const uint64_t value : frame) {
    if (!stack.push(cpu, value, 8)) return false;
  }
  if (!push_error(cpu, stack, event, 8)) return false;
  if (target.cpl < cpu.cpl) cpu.segment[kSs] = stack.segment();
  cpu.gpr[kRsp] = stack.pointer();
  enter_code(cpu, target, gate.offset);
  set_entry_flags(cpu, gate.kind);
  return true;
}

bool push_return(Cpu& cpu, SystemStack& stack, const PendingEvent& event, unsigned slot, uint64_t return_rip) {
  return stack.push(cpu, pushed_flags(cpu, event), slot) && stack.push(cpu, cpu.segment[kCs].selector, slot) &&
         stack.push(cpu, return_rip, slot) && push_error(cpu, stack, event, slot);
}

bool enter_same_privilege(Cpu& cpu, const PendingEvent& event, const Gate& gate, const CodeTarget& target, uint64_t return_rip) {
  SystemStack stack = SystemStack::current(cpu);
  if (!push_return(cpu, stack, event, gate.slot, return_rip)) return false;
  cpu.gpr[kRsp] = stack.pointer();
  enter_code(cpu, target, gate.offset);
  set_entry_flags(cpu, gate.kind);
  return true;
}

// From an outer ring, or from virtual-8086 mode, whose data segments are saved too [SDM 3A 20.3.1.1].
bool enter_inner_ring(Cpu& cpu, const PendingEvent& event, const Gate& gate, const CodeTarget& target, uint64_t return_rip) {
  SystemStack stack;
  if (!switch_to_ring_stack(cpu, target.cpl, stack)) return false;
  constexpr SegmentName kV86Saved[] = {kGs, kFs, kDs, kEs};
  const bool from_v86 = cpu.in_v86_mode();
  if (from_v86) {
    for (const SegmentName name : kV86Saved) {
      if (!stack.push(cpu, cpu.segment[name].selector, gate.slot)) return false;
    }
  }
  if (!stack.push(cpu, cpu.segment[kSs].selector, gate.slot) || !stack.push(cpu, cpu.gpr[kRsp], gate.slot)) return false;
  if (!push_return(cpu, stack, event, gate.slot, return_rip)) return false;
  if (from_v86) {
    for (const SegmentName name : kV86Saved) cpu.segment[name] = null_segment(0);
  }
  cpu.segment[kSs] = stack.segment();
  cpu.gpr[kRsp] = stack.pointer();
  enter_code(cpu, target, gate.offset);
  set_entry_flags(cpu, gate.kind);
  return true;
}

bool enter_legacy(Cpu& cpu, const PendingEvent& event, const Gate& gate, uint64_t return_rip) {
  CodeTarget target;
  if (!find_code(cpu, gate, target)) return false;
  return target.cpl < cpu.cpl ? enter_inner_ring(cpu, event, gate, target, return_rip)
                              : enter_same_privilege(cpu, event, gate, target, return_rip);
}

// The handler is a task of its own; the error code goes onto its stack [SDM 3A 6.12.2 "Interrupt Tasks"].
bool enter_task(Cpu& cpu, const PendingEvent& event, uint16_t selector, uint64_t return_rip) {
  Descriptor tss;
  if (!find_available_tss(cpu, selector, Vector::kGP, tss)) return false;
  if (!switch_task(cpu, selector, tss, TaskSwitch::kNested, return_rip, pushed_flags(cpu, event))) return false;
  if (cpu.pending.valid || !event.has_error) return true;
  SystemStack stack = SystemStack::current(cpu);
  const unsigned slot = (cpu.tr.type() & 8) ? 4 : 2;
  if (stack.push(cpu, event.error, slot)) cpu.gpr[kRsp] = stack.pointer();
  return true;
}

}  // namespace

bool enter_through_vector_table(Cpu& cpu, uint64_t table, uint8_t vector, uint64_t return_rip, uint16_t flags, uint64_t clear) {
  uint16_t entry[2];   // IP, CS
  if (!load_system(cpu, table + vector * 4u, entry, 4)) return false;
  SystemStack stack = SystemStack::current(cpu);
  if (!stack.push(cpu, flags, 2) || !stack.push(cpu, cpu.segment[kCs].selector, 2) || !stack.push(cpu, return_rip, 2)) return false;
  cpu.gpr[kRsp] = stack.pointer();
  cpu.segment[kCs] = cpu.in_v86_mode() ? v86_segment(entry[1]) : real_mode_code(cpu.segment[kCs], entry[1]);
  cpu.rip = entry[0];
  cpu.system_flags &= ~clear;
  cpu.mode_changed();
  return true;
}

bool enter_handler(Cpu& cpu, const PendingEvent& event, uint64_t return_rip) {
  if (cpu.in_real_mode()) {
    // [SDM 3A 20.1.4 "Interrupt and Exception Handling"]; error codes are not pushed.
    if (event.vector * 4u + 3 > cpu.idtr.limit) return cpu.raise(Vector::kGP, idt_error(event.vector));
    return enter_through_vector_table(cpu, cpu.idtr.base, event.vector, return_rip, static_cast<uint16_t>(cpu.rflags()),
                                      rflags::kIf | rflags::kTf | rflags::kRf | rflags::kAc);
  }
  Descriptor d;
  if (!read_gate(cpu, event, d)) return false;
  if (d.system_type() == SystemType::kTaskGate) return enter_task(cpu, event, d.gate_selector(), return_rip);
  const Gate gate = parse_gate(cpu, d);
  const bool entered = cpu.in_long_mode() ? enter_long(cpu, event, gate, return_rip) : enter_legacy(cpu, event, gate, return_rip);
  if (entered) cpu.mode_changed();
  return entered;
}

}  // namespace ringside::hw
