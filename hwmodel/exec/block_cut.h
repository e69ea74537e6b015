// Ending a block in execution before its last instruction. In detailed mode a stall (a page walk, the iterations of a REP
// instruction) can carry time past the deadline in the middle of a block; the instruction in flight then finishes, and control is back
// with the run loop before the first one that would begin too late. So timers are exact to the instruction however code is cut into blocks.
#pragma once

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// Cuts the executing block where time reaches cpu.cycle_deadline.
void cut_block(Cpu& cpu);
// To be called after each charge that an instruction makes in the middle of a block. Fast mode never cuts.
inline void cut_if_overdue(Cpu& cpu) {
  if (cpu.may_cut && cpu.now().value >= cpu.cycle_deadline) [[unlikely]] cut_block(cpu);
}
// Makes a cut block whole again; between blocks.
void mend_block(Cpu& cpu, Block& block);

}  // namespace ringside::hw
