// Hardware task switching through 16- and 32-bit task-state segments [SDM 3A 7.3 "Task Switching"]. Not in long mode.
// Called by far JMP, CALL and IRET, and by event delivery through task gates.
#pragma once

#include <cstdint>

#include "hwmodel/exec/segmentation.h"

namespace ringside::hw {

// kJump: the old task ends. kNested: it stays busy and is linked from the new one. kReturn: back along the link.
enum class TaskSwitch : uint8_t { kJump, kNested, kReturn };

// The TSS descriptor of `selector`: in the GDT, available, present, within limits; else `bad` (#NP if not present).
bool find_available_tss(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& out);

// Leaves the current task, which will go on at `return_rip` with `flags`, for the one of `tss`. False: nothing has changed, cpu.pending
// says why. True: the new task's context is in place; a bad segment or a debug trap of it may be pending, at its rip.
bool switch_task(Cpu& cpu, uint16_t selector, Descriptor tss, TaskSwitch kind, uint64_t return_rip, uint64_t flags);

// IRET with RFLAGS.NT: to the task the current TSS is linked to.
bool return_to_previous_task(Cpu& cpu, uint64_t return_rip);

}  // namespace ringside::hw
