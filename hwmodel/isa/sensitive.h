// The sensitive instructions that x86 lets run at CPL > 0 without a trap, which is why it is not virtualizable in the sense of Popek and
// Goldberg, and what a modelled CPU does about them. The set itself is the table's: see unprivileged_sensitive(). The CPU has the
// setting (machine/cpu.h), the gates before the instructions are in exec/sensitive_gate.h.
#pragma once

#include <cstdint>
#include <string>

namespace ringside::hw {

struct InstructionInfo;  // isa/decoded.h

// What a sensitive unprivileged instruction does at CPL > 0.
enum class SensitiveTraps : uint8_t {
  kAsBuilt,  // as on real hardware: it runs, and shows or drops what a monitor would have to hide or keep
  kStrict,   // MODEL: no such CPU exists: it raises #GP(0), so every sensitive instruction traps
  kObserve,  // it runs as built, and the observer is told (Observer::on_sensitive)
};

// True for the rows of the table that are sensitive although nothing makes the instruction trap at CPL > 0 (UMIP aside).
bool unprivileged_sensitive(const InstructionInfo& row);
// One sentence: what such an instruction shows or loses in a deprivileged kernel. For reports.
std::string why_sensitive(const InstructionInfo& row);

}  // namespace ringside::hw
