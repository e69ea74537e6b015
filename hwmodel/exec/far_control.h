// Far control transfers: what JMP, CALL, RET, IRET, INT and the fast system calls share, and the rows of their files.
// Called by system.cpp, which joins the rows.
#pragma once

#include <cstdint>
#include <span>

#include "hwmodel/exec/segmentation.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

// Code about to be entered: nothing of it is in the CPU yet.
struct FarTarget {
  Segment cs;
  uint64_t rip = 0;
  unsigned cpl = 0;
};

// True if CS would make the CPU run 64-bit code.
inline bool is_code64(const Cpu& cpu, const Segment& cs) { return cpu.in_long_mode() && cs.long_code(); }
// Canonical for 64-bit code, within the limit otherwise; else #GP(0). Truncates to 32 bits for other code in long mode.
bool check_target_rip(Cpu& cpu, FarTarget& target);
// CS and rip of a far RET or IRET to the same or an outer ring [SDM 3A 5.8.6 "Returning from a Called Procedure"].
bool check_return_code(Cpu& cpu, uint16_t selector, uint64_t rip, FarTarget& out);
// Commits: CS, rip, CPL. mode_changed() is called.
void enter_target(Cpu& cpu, const FarTarget& target);
// Returning to an outer ring: data segments the outer ring may not use become null.
void drop_inner_segments(Cpu& cpu);
// Real and virtual-8086 mode: CS:IP within the limit.
bool check_paragraph_rip(Cpu& cpu, uint64_t rip);
void enter_paragraph_code(Cpu& cpu, uint16_t selector, uint64_t rip);

std::span<const InstructionInfo> far_branch_rows();
std::span<const InstructionInfo> far_return_rows();
std::span<const InstructionInfo> interrupt_rows();
std::span<const InstructionInfo> fast_call_rows();

}  // namespace ringside::hw
