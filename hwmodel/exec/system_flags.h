// Writing RFLAGS as a whole: which bits POPF, IRET and task switches may change. Called by those instructions.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// Every bit of RFLAGS that exists, but bit 1 [SDM 1 3.4.3].
constexpr uint64_t kArchitecturalFlags = rflags::kArithmetic | rflags::kTf | rflags::kIf | rflags::kDf | rflags::kIopl | rflags::kNt |
                                         rflags::kRf | rflags::kVm | rflags::kAc | rflags::kVif | rflags::kVip | rflags::kId;
// Changed by POPF and IRET whatever the privilege.
constexpr uint64_t kUserFlags = rflags::kArithmetic | rflags::kTf | rflags::kDf | rflags::kNt | rflags::kAc | rflags::kId;

// Takes the bits of `mask` from `value`. MODEL: RF is kept only while breakpoints are enabled; without any, the next instruction would
// clear it unseen. mode_changed() is left to the caller.
inline void write_flags(Cpu& cpu, uint64_t value, uint64_t mask) {
  uint64_t flags = (cpu.rflags() & ~mask) | (value & mask);
  if (!(cpu.dr7 & 0xff)) flags &= ~rflags::kRf;
  cpu.set_rflags(flags);
}

}  // namespace ringside::hw
