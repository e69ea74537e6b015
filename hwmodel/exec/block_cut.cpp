#include "hwmodel/exec/block_cut.h"

namespace ringside::hw {
namespace {

// In the place of a micro-op that must not run any more: its instruction has not begun.
const Uop* leave_before(Cpu& cpu, const Uop* op) { return stop(cpu, op); }

}  // namespace

// The time of the whole block was added when it was entered, so an instruction begins now minus what comes from it on. The instruction in
// flight may be among those replaced: it has been dispatched already, or (behind its gate) begins again when the loop comes back.
void cut_block(Cpu& cpu) {
  Block& block = *cpu.block;
  Uop* const uops = block.uops.get();
  if (cpu.uncut.empty()) {
    for (unsigned slot = 0; uops[slot].index_in_block < block.count; ++slot) cpu.uncut.push_back(uops[slot].fn);
  }
  const uint64_t end = cpu.now().value;
  for (unsigned slot = 0; slot < cpu.uncut.size(); ++slot) {
    const uint32_t from_here = block.cycles() - block.cycles_before[uops[slot].index_in_block];
    if (end - from_here >= cpu.cycle_deadline) uops[slot].fn = leave_before;
  }
}

void mend_block(Cpu& cpu, Block& block) {
  for (unsigned slot = 0; slot < cpu.uncut.size(); ++slot) block.uops[slot].fn = cpu.uncut[slot];
  cpu.uncut.clear();
}

}  // namespace ringside::hw
