// The loop: find the block, run it, look up between blocks. Everything it calls is elsewhere, so the main path reads on one screen.
// Called by Machine::run and by tests that drive one CPU alone.
#pragma once

#include <cstdint>
#include <span>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// Runs until cpu.deadline (StopLimit), a stop (port, MMIO, triple fault, debug) or HLT (StopHalt). Exceptions and interrupts are delivered
// on the way. Interrupts and the deadlines are exact to the instruction, whatever the block structure. Fast and detailed mode (cpu.time), with and
// without an address to watch for, are instances of the same loop.
Stop run(Cpu& cpu);
// Exactly one instruction (or one exception or interrupt delivery). StopNone if it went normally.
Stop step(Cpu& cpu);

// Code bytes at a linear address without side effects; returns how many could be read (at most 15).
unsigned peek_code(const Cpu& cpu, uint64_t linear, std::span<uint8_t, 15> out);

}  // namespace ringside::hw
