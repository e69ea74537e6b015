// The ways into the guest's kernel: traps through its trap table, events through its callback, system calls through its entry. Each leaves
// a frame on the kernel's stack as interface/README.md draws it. And the way back out: iret.
#pragma once

#include "vmm/techniques/pv/domain.h"

namespace ringside::vmm::pv {

// No: the guest cannot be entered there (no handler, no stack): it is lost, as a real processor is after a triple fault.
enum class Entered : uint8_t { kYes, kNo };

// An exception, or INT n, met in either view; `exception` as the processor reported it, rip of the context at the instruction.
Entered enter_by_trap(Domain& domain, const RingException& exception);
// SYSCALL from the user view; rip of the context at the instruction.
Entered enter_by_syscall(Domain& domain);
// The event callback; does nothing (kYes) if none is due.
Entered enter_by_event(Domain& domain);

// The kernel's iret, from the frame at its stack pointer. A frame that cannot be returned to leads to the failsafe callback.
Entered leave_by_iret(Domain& domain);

}  // namespace ringside::vmm::pv
