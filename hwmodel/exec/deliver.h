// Events entering their handlers: exceptions, software interrupts, external interrupts, NMI; double and triple faults; debug traps.
// The mechanics of one entry (vector table, gates, stack switch) are in deliver_gate.h; who raises an event is elsewhere.
//
// What the run loop does with this:
//   a block ended with cpu.pending.valid       deliver_pending(); false: the machine stops with cpu.stop (triple fault)
//   an interrupt or NMI is to be taken          deliver_external(), deliver_nmi()
//   before one instruction, breakpoints on      code_breakpoint(); true: #DB is pending instead of the instruction
//   after one instruction retired               after_single() with RFLAGS.TF as it was before the instruction
// cpu.interrupt_shadow holds a Shadow value after STI, MOV SS and POP SS; the loop runs the next instruction alone and clears it before.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// [SDM 3A 6.8.3 "Masking Exceptions and Interrupts When Switching Stacks"]: MOV SS and POP SS hold off debug exceptions too.
enum Shadow : uint8_t { kShadowNone = 0, kShadowSti = 1, kShadowMovSs = 2 };

// DR6 bits [SDM 3B 18.2.3 "Debug Status Register (DR6)"].
namespace dr6 {
constexpr uint64_t kBreakpoints = 0xf, kBd = 1 << 13, kBs = 1 << 14, kBt = 1 << 15;
constexpr uint64_t kFixed = 0xffff0ff0;
}
namespace dr7 {
constexpr uint64_t kEnabled = 0xff, kFixed = 1 << 10, kGd = 1 << 13;
}

// Delivers cpu.pending at cpu.rip. Faults met on the way are delivered instead, or become a double fault [SDM 3A 6.15 "Interrupt 8"].
// False: shutdown, cpu.stop is StopTripleFault and cpu.pending still names the last event.
bool deliver_pending(Cpu& cpu);
bool deliver_external(Cpu& cpu, uint8_t vector);
bool deliver_nmi(Cpu& cpu);
// INT n, INT3, INTO (gate DPL checked) and INT1, from their handlers: the instruction ends at `return_rip`. False: the instruction faults,
// cpu.pending set. True: control is in the handler; a task gate may have left an exception of the new task pending.
enum class SoftwareInterrupt : uint8_t { kChecked, kPrivileged };
bool deliver_software(Cpu& cpu, uint8_t vector, SoftwareInterrupt kind, uint64_t return_rip);

// #DB with these DR6 bits; a trap if raised after the instruction retired. Returns false as Cpu::raise does.
bool raise_debug(Cpu& cpu, uint64_t dr6_bits);
bool code_breakpoint(Cpu& cpu);
void after_single(Cpu& cpu, bool trap, uint8_t shadow);
// For instructions that enter another context (INT n, SYSCALL): whether they trap depends on TF as they leave it, not as they found it.
void trap_on_new_flags(Cpu& cpu);
// I/O breakpoints (CR4.DE) on ports [port, port + size).
void note_port_breakpoint(Cpu& cpu, uint16_t port, unsigned size);

}  // namespace ringside::hw
