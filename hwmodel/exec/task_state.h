// What the processor reads from the task-state segment without switching tasks: stacks of inner rings, IST stacks, the I/O
// permission and interrupt redirection bitmaps. Called by event delivery, call gates and I/O instructions.
//
// 16-bit TSS: 2 SP0, 4 SS0, 6 SP1 ..    32-bit TSS: 4 ESP0, 8 SS0, 12 ESP1 .., 102 I/O map base    64-bit: 4 RSP0 .. RSP2, 36 IST1 .. IST7
// [SDM 3A 7.2.1, 7.6, 7.7].
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

struct RingStack {
  uint16_t ss = 0;
  uint64_t sp = 0;
};

// Stack of ring `cpl` from a 16- or 32-bit TSS; beyond the TSS's limit raises #TS with the task's selector.
bool ring_stack(Cpu& cpu, unsigned cpl, RingStack& out);
// RSP of IST stack `ist` (1..7), or of ring `cpl` if `ist` is 0.
bool long_mode_stack_pointer(Cpu& cpu, unsigned ist, unsigned cpl, uint64_t& rsp);

// May ports [port, port + size) be used though CPL > IOPL? False with #GP(0) pending [SDM 1 19.5.2 "I/O Permission Bit Map"].
bool check_port_bitmap(Cpu& cpu, uint16_t port, unsigned size);
// Virtual-8086 mode with CR4.VME: `set` tells whether INT `vector` goes to the monitor [SDM 3A 20.3.3.4 and figure 20-5].
bool redirection_bit(Cpu& cpu, uint8_t vector, bool& set);

}  // namespace ringside::hw
