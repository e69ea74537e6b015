// Non-root mode: entering a guest under a control block, the exits that happen there, and leaving. The monitor calls enter() and
// leave(); the CPU calls the rest at the points where hardware looks at the control block.
//
// Instructions: in non-root mode a block holds a gate micro-op before each instruction the control block may intercept (bind_gate);
// code decoded for root mode has none, so native execution pays nothing. An exit is a StopVmExit; the control block has the details.
#pragma once

#include <cstdint>
#include <optional>

#include "hwmodel/isa/decoded.h"
#include "hwmodel/machine/cpu.h"
#include "hwmodel/vmx/control_block.h"
#include "hwmodel/vmx/entry_checks.h"

namespace ringside::hw::vmx {

// Checks the entry, switches to non-root mode and delivers the event to inject. Nothing has changed if a check fails. Injection may
// itself exit (cpu.stop is then a StopVmExit and the monitor handles it like any other).
std::optional<EntryFailure> enter(Cpu& cpu, ControlBlock& block);
// Back to root mode; the guest's state stays in the CPU.
void leave(Cpu& cpu);

// The monitor's instruction emulator: the next instruction runs without gates (so its privileged effect happens), but faults and nested
// violations of its memory accesses still exit. enter() must have been called before; leave() ends it.
void begin_emulation(Cpu& cpu, ControlBlock& block);

// Gate of an instruction that may exit, from its decoded form. False: it never exits by itself.
bool bind_gate(const Decoded& decoded, const Uop& instruction, Uop& gate);

// The exception in cpu.pending is about to be delivered in non-root mode. True: it exits instead (cpu.stop is set, cpu.pending cleared).
// `during`: the event whose delivery met it, or null.
bool exception_exits(Cpu& cpu, const PendingEvent* during);
// The delivery of `event` was cut short by an exit (a nested violation): the monitor finds it in idt_vectoring.
void note_interrupted_delivery(Cpu& cpu, const PendingEvent& event);
// A walk ended in a nested violation or misconfiguration: sets the stop. Returns false, as accesses do.
bool nested_violation(Cpu& cpu, uint64_t linear);
// Modelled time has reached cpu.preemption_deadline, in non-root mode. Comes before interrupts and windows [SDM 3C 26.2].
void preemption_timer_expired(Cpu& cpu);
// A triple fault, an external interrupt of the host, an open interrupt window: exits without an instruction.
void exit_without_instruction(Cpu& cpu, ExitReason reason);

}  // namespace ringside::hw::vmx
