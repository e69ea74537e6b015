// What the frame of an exception taken at CPL 3 means to a monitor: the event, and the context at the instruction concerned. Pure; called by
// KvmRingCpu with what the gate left. Hosts differ in how they report the same thing, and this is where that ends: an INT n comes as
// #GP(n * 8 + 2) by the gate's DPL, as its own vector or as #UD, a system call by its entry point, as #UD or as #GP(0), and always leaves here
// as the event the instruction is.
#pragma once

#include <cstdint>
#include <span>

#include "vmm/core/ring_cpu.h"

namespace ringside::vmm {

struct RingFrame {
  uint64_t rip = 0, cs = 0, rflags = 0, rsp = 0, ss = 0;
};

// The bytes around a place in the guest's code; empty where nothing is mapped.
struct CodeWindow {
  std::span<const uint8_t> at;      // from rip on
  std::span<const uint8_t> before;  // the last is at rip - 1
};

// Whether the guest was told SYSCALL exists (EFER.SCE): without, it is an undefined opcode.
enum class SyscallEnabled : uint8_t { kNo, kYes };

// `context` holds the frame's rip already; it is moved back to the instruction where the frame points behind it.
RingEvent event_of(const RingException& exception, const CodeWindow& code, SyscallEnabled syscall, RingContext& context);

// A SYSCALL that arrived at its entry point: RCX and R11 hold what it put there, and their old values are gone. Event and context at the instruction.
RingEvent event_of_syscall(SyscallEnabled syscall, RingContext& context);

// #BP and #OF, which only INT3, INTO and INT n cause. Hosts that let them through whatever the gate's DPL leave rip behind the instruction.
bool is_trap_of_interrupt(uint8_t vector);

// Whether the bytes before a place end with SYSCALL.
bool ends_with_syscall(std::span<const uint8_t> before);

}  // namespace ringside::vmm
