#include "hwmodel/vmx/non_root.h"

#include "hwmodel/exec/deliver.h"
#include "hwmodel/mmu/walk_result.h"

namespace ringside::hw::vmx {
namespace {

void record_exit(Cpu& cpu, ExitReason reason, uint64_t qualification) {
  ControlBlock& b = *cpu.guest;
  b.exit_reason = reason;
  b.exit_qualification = qualification;
  b.exit_instruction_length = 0;
  b.exit_linear_valid = false;
  b.exit_event = {};
  b.idt_vectoring = {};
  cpu.stop = StopVmExit{static_cast<uint16_t>(reason), qualification};
}

EventInfo info_of(const PendingEvent& event) {
  EventInfo info{.valid = true, .has_error = event.has_error, .vector = event.vector, .error = event.error};
  const bool breakpoint = event.vector == static_cast<uint8_t>(Vector::kBP) || event.vector == static_cast<uint8_t>(Vector::kOF);
  if (event.external) info.type = event.vector == static_cast<uint8_t>(Vector::kNMI) ? EventType::kNmi : EventType::kExternalInterrupt;
  else if (event.software) info.type = breakpoint ? EventType::kSoftwareException : EventType::kSoftwareInterrupt;
  else info.type = EventType::kHardwareException;
  return info;
}

// [SDM 3C 26.2 "Other Causes of VM Exits", Exceptions]: a page fault exits when its error code matches, or when it does not if bit 14 is clear.
bool selected(const ControlBlock& b, const PendingEvent& event) {
  const bool bit = b.exception_bitmap >> event.vector & 1;
  if (event.vector != static_cast<uint8_t>(Vector::kPF)) return bit;
  return bit == ((event.error & b.page_fault_error_mask) == b.page_fault_error_match);
}

void set_gates(Cpu& cpu, bool on) {
  cpu.non_root_code = on;
  cpu.mode_changed();
}

// [SDM 3C 26.5.1 "VMX-Preemption Timer"]: counts down by one whenever bit kPreemptionTimerShift of the TSC changes; at zero the guest exits,
// before its first instruction if zero is what was loaded. The TSC counted is the processor's own, which is modelled time.
uint64_t preemption_deadline(const Cpu& cpu, const ControlBlock& block) {
  if (!block.pin(pin::kPreemptionTimer)) return ~0ull;
  if (block.preemption_timer == 0) return cpu.now().value;
  return ((cpu.now().value >> kPreemptionTimerShift) + block.preemption_timer) << kPreemptionTimerShift;
}

// [SDM 3C 27.6 "Event Injection"].
void inject(Cpu& cpu, EventInfo& event) {
  const EventInfo e = event;
  event.valid = false;
  cpu.halted = false;
  switch (e.type) {
    case EventType::kExternalInterrupt: deliver_external(cpu, e.vector); return;
    case EventType::kNmi: deliver_nmi(cpu); return;
    case EventType::kHardwareException:
      cpu.pending = {.valid = true, .has_error = e.has_error, .vector = e.vector, .error = e.error, .cr2 = cpu.cr2};
      // MODEL: the monitor has set CR2 for a page fault, as real monitors must; delivery writes the same value again.
      deliver_pending(cpu);
      return;
    case EventType::kSoftwareInterrupt:
    case EventType::kSoftwareException:
      deliver_software(cpu, e.vector, SoftwareInterrupt::kChecked, cpu.rip + e.instruction_length);
      return;
    case EventType::kPrivilegedSoftware:
      deliver_software(cpu, e.vector, SoftwareInterrupt::kPrivileged, cpu.rip + e.instruction_length);
      return;
  }
}

}  // namespace

std::optional<EntryFailure> enter(Cpu& cpu, ControlBlock& block) {
  if (auto failure = check_entry(cpu, block)) return failure;
  cpu.guest = &block;
  cpu.stop = StopNone{};
  if (block.secondary(secondary::kVpid)) cpu.mmu.set_vpid(block.vpid);
  else cpu.mmu.flush_all();
  set_gates(cpu, true);
  cpu.interrupt_waiting = block.primary(primary::kInterruptWindow);
  if (block.primary(primary::kNmiWindow)) cpu.attention = true;  // and again when IRET ends the blocking
  cpu.preemption_deadline = preemption_deadline(cpu, block);
  if (block.injection.valid) {
    cpu.begin_delivery();
    inject(cpu, block.injection);
    if (std::holds_alternative<StopTripleFault>(cpu.stop)) exit_without_instruction(cpu, ExitReason::kTripleFault);
  }
  return {};
}

void leave(Cpu& cpu) {
  cpu.guest = nullptr;
  cpu.interrupt_waiting = false;
  cpu.preemption_deadline = ~0ull;
  set_gates(cpu, false);
}

void begin_emulation(Cpu& cpu, ControlBlock& block) {
  cpu.guest = &block;
  set_gates(cpu, false);
}

bool exception_exits(Cpu& cpu, const PendingEvent* during) {
  const PendingEvent event = cpu.pending;
  ControlBlock& b = *cpu.guest;
  if (event.external || event.software || !selected(b, event)) return false;
  cpu.pending = {};
  // The qualification of a page fault is its address; CR2 is not written [SDM 3C 28.2.1].
  record_exit(cpu, ExitReason::kExceptionOrNmi, event.vector == static_cast<uint8_t>(Vector::kPF) ? event.cr2 : 0);
  b.exit_event = info_of(event);
  if (during) b.idt_vectoring = info_of(*during);
  return true;
}

void note_interrupted_delivery(Cpu& cpu, const PendingEvent& event) { cpu.guest->idt_vectoring = info_of(event); }

bool nested_violation(Cpu& cpu, uint64_t linear) {
  const WalkResult& walk = cpu.mmu.last_walk();
  const bool misconfigured = walk.outcome == WalkOutcome::kNestedMisconfiguration;
  record_exit(cpu, misconfigured ? ExitReason::kEptMisconfiguration : ExitReason::kEptViolation, misconfigured ? 0 : walk.qualification);
  cpu.guest->guest_physical = walk.guest_physical.value;
  cpu.guest->guest_linear = linear;
  cpu.guest->exit_linear_valid = true;
  return false;
}

void preemption_timer_expired(Cpu& cpu) { exit_without_instruction(cpu, ExitReason::kPreemptionTimer); }

void exit_without_instruction(Cpu& cpu, ExitReason reason) { record_exit(cpu, reason, 0); }

}  // namespace ringside::hw::vmx
