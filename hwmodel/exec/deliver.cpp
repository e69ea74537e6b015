#include "hwmodel/exec/deliver.h"

#include "hwmodel/exec/deliver_gate.h"
#include "hwmodel/machine/observer.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw {
namespace {

enum class FaultClass : uint8_t { kBenign, kContributory, kPageFault };

// [SDM 3A table 6-4 "Interrupt and Exception Classes"].
FaultClass class_of(const PendingEvent& event) {
  if (event.external || event.software) return FaultClass::kBenign;
  switch (static_cast<Vector>(event.vector)) {
    case Vector::kDE: case Vector::kTS: case Vector::kNP: case Vector::kSS: case Vector::kGP: return FaultClass::kContributory;
    case Vector::kPF: return FaultClass::kPageFault;
    default: return FaultClass::kBenign;
  }
}

constexpr uint32_t kErrorExt = 1;   // error code bit 0 [SDM 3A 6.13]: met while delivering an event external to the program

bool is_vector(const PendingEvent& event, Vector v) { return !event.external && !event.software && event.vector == static_cast<uint8_t>(v); }

// The exception `second` met while `first` was being delivered [SDM 3A table 6-5 "Conditions for Generating a Double Fault"].
enum class Nested : uint8_t { kSerial, kDoubleFault, kShutdown };
Nested nest(const PendingEvent& first, const PendingEvent& second) {
  const FaultClass a = class_of(first), b = class_of(second);
  if (is_vector(first, Vector::kDF)) return b == FaultClass::kBenign ? Nested::kSerial : Nested::kShutdown;
  const bool doubles = (a == FaultClass::kContributory && b == FaultClass::kContributory) ||
                       (a == FaultClass::kPageFault && b != FaultClass::kBenign);
  return doubles ? Nested::kDoubleFault : Nested::kSerial;
}

// What happens as an exception is recognised, before its handler is looked for.
void recognise(Cpu& cpu, const PendingEvent& event) {
  if (is_vector(event, Vector::kPF)) {
    cpu.cr2 = event.cr2;
    ++cpu.counters.page_faults;
    if (cpu.observer) cpu.observer->on_page_fault(event.cr2, event.error, cpu.rip);
  } else if (is_vector(event, Vector::kDB)) {
    cpu.dr6 |= event.cr2;
    cpu.dr7 &= ~dr7::kGd;
  }
}

// enter_handler(), with memory that is no RAM answering like an empty bus: no monitor can be asked in the middle of a delivery.
bool enter_over_empty_bus(Cpu& cpu, const PendingEvent& event) {
  for (;;) {
    cpu.replies.used = 0;
    if (enter_handler(cpu, event, cpu.rip)) return true;
    if (cpu.pending.valid || std::holds_alternative<StopVmExit>(cpu.stop) || cpu.replies.count == IoReplies::kMax) return false;
    cpu.stop = StopNone{};
    cpu.replies.entry[cpu.replies.count++] = {.address = 0, .value = ~uint64_t{0}, .size = 8, .write = false, .mmio = true};
  }
}

// True if `event` reached a handler; false with the exception met instead in cpu.pending.
bool enter(Cpu& cpu, const PendingEvent& event) {
  recognise(cpu, event);
  cpu.pending = {};
  const uint64_t rip = cpu.rip;
  const bool entered = enter_over_empty_bus(cpu, event);
  cpu.replies.clear();
  if (!entered) {
    if (std::holds_alternative<StopVmExit>(cpu.stop)) {
      vmx::note_interrupted_delivery(cpu, event);
      return false;
    }
    if (!cpu.pending.valid) cpu.raise(Vector::kGP, 0);   // tables scattered over more than IoReplies::kMax device registers
    return false;
  }
  cpu.halted = false;
  cpu.debug_hits = 0;
  cpu.time.charge(event.external ? Primitive::kInterruptDelivery : Primitive::kExceptionDelivery);
  if (cpu.observer) cpu.observer->on_event_delivered(event.vector, event.has_error ? event.error : 0, event.external, rip);
  return !cpu.pending.valid;   // a task gate's new task may fault at once
}

bool deliver(Cpu& cpu, PendingEvent event) {
  for (;;) {
    if (enter(cpu, event)) return true;
    if (std::holds_alternative<StopVmExit>(cpu.stop)) return false;
    if (cpu.guest && vmx::exception_exits(cpu, &event)) return false;
    PendingEvent next = cpu.pending;
    const bool selector_error = next.has_error && next.vector >= static_cast<uint8_t>(Vector::kTS) && next.vector <= static_cast<uint8_t>(Vector::kGP);
    if (selector_error && !event.software) next.error |= kErrorExt;
    ++cpu.counters.exceptions;
    switch (nest(event, next)) {
      case Nested::kSerial:
        event = next;
        break;
      case Nested::kDoubleFault:
        if (is_vector(next, Vector::kPF)) recognise(cpu, next);
        event = {.valid = true, .has_error = true, .vector = static_cast<uint8_t>(Vector::kDF)};
        break;
      case Nested::kShutdown:
        if (is_vector(next, Vector::kPF)) recognise(cpu, next);
        cpu.pending = next;
        cpu.stop = StopTripleFault{};
        return false;
    }
  }
}

}  // namespace

bool deliver_pending(Cpu& cpu) {
  ++cpu.counters.exceptions;
  return deliver(cpu, cpu.pending);
}

bool deliver_external(Cpu& cpu, uint8_t vector) {
  ++cpu.counters.interrupts;
  return deliver(cpu, {.valid = true, .external = true, .vector = vector});
}

bool deliver_nmi(Cpu& cpu) {
  ++cpu.counters.interrupts;
  cpu.nmi_blocked = true;   // until the next IRET [SDM 3A 6.7.1 "Handling Multiple NMIs"]
  return deliver(cpu, {.valid = true, .external = true, .vector = static_cast<uint8_t>(Vector::kNMI)});
}

bool deliver_software(Cpu& cpu, uint8_t vector, SoftwareInterrupt kind, uint64_t return_rip) {
  const PendingEvent event{.valid = true, .software = kind == SoftwareInterrupt::kChecked, .vector = vector};
  const uint64_t from = cpu.rip;
  cpu.rip = return_rip;
  if (kind == SoftwareInterrupt::kPrivileged) recognise(cpu, event);
  if (!enter_handler(cpu, event, return_rip)) {
    cpu.rip = from;
    if (!event.software && cpu.pending.has_error && cpu.pending.vector != static_cast<uint8_t>(Vector::kPF)) cpu.pending.error |= kErrorExt;
    return false;
  }
  cpu.time.charge(Primitive::kExceptionDelivery);
  if (cpu.observer) cpu.observer->on_event_delivered(vector, 0, false, return_rip);
  return true;
}

}  // namespace ringside::hw
