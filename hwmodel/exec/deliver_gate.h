// One entry into a handler: real-mode vector table, 16/32-bit gates with stack switch, virtual-8086 entry, 64-bit gates with IST, task gates.
// Called by deliver.cpp, which decides what happens when an entry faults.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// True: the handler is entered (registers, stack and flags changed, mode_changed() called). False: cpu.pending holds the exception met
// instead, or the memory touched is no RAM (cpu.stop, cpu.want_single as for any access); no register has changed.
bool enter_handler(Cpu& cpu, const PendingEvent& event, uint64_t return_rip);

// The 8086 way at linear `table`: pushes `flags`, CS and IP, clears the flags in `clear` and jumps. For real mode, and for virtual-8086
// mode with CR4.VME where the redirection bitmap says so.
bool enter_through_vector_table(Cpu& cpu, uint64_t table, uint8_t vector, uint64_t return_rip, uint16_t flags, uint64_t clear);

}  // namespace ringside::hw
