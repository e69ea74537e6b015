// The registers a monitor reads and writes: plain data, the same for both machines. Floating-point and debug state stay in the
// machine. Converts to and from the modelled CPU's state; called by loaders (boot/), machines and post-mortem reports.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::vmm {

struct Registers {
  // ModRM order: rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15 (hw::Gpr).
  std::array<uint64_t, 16> gpr{};
  uint64_t rip = 0;
  uint64_t rflags = hw::rflags::kFixed;
  // Sreg order: es cs ss ds fs gs (hw::SegmentName).
  std::array<hw::Segment, 6> segment{};
  hw::Segment ldtr, tr;
  hw::TableRegister gdtr, idtr;
  uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, cr8 = 0, efer = 0;

  // The privilege level is that of the stack segment; in real mode 0, in virtual-8086 mode 3 [SDM 3A 5.5 "Privilege Levels"].
  unsigned cpl() const;
  // Default operand and address size of the code at rip: 16, 32 or 64 bits.
  unsigned code_bits() const;
  // Linear address of the next instruction: rip in 64-bit mode, else cs.base + eip.
  uint64_t linear_rip() const;
  bool paging() const { return cr0 & hw::cr0::kPg; }
};

// What a CPU holds after RESET [SDM 3A table 10-1 "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"].
Registers reset_registers();

Registers registers_of(const hw::CpuState& state);
// Overwrites the registers named above in `state` and leaves the rest (FPU, debug registers) alone.
void apply_registers(const Registers& registers, hw::CpuState& state);

// A register dump of a few lines, as post-mortem reports print it.
std::string to_text(const Registers& registers);

}  // namespace ringside::vmm
