// Writing control registers, EFER and debug registers: which values fault, what a change flushes and switches.
// Called by MOV CRn/DRn, LMSW, WRMSR. A false return means #GP(0) (or what else is said) is pending and nothing has changed.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

bool write_cr0(Cpu& cpu, uint64_t value);
bool write_cr3(Cpu& cpu, uint64_t value);
bool write_cr4(Cpu& cpu, uint64_t value);
bool write_cr8(Cpu& cpu, uint64_t value);
uint64_t read_cr8(const Cpu& cpu);
bool write_efer(Cpu& cpu, uint64_t value);

// DR4 and DR5 are DR6 and DR7, or #UD with CR4.DE; any access with DR7.GD is a #DB fault [SDM 3B 18.2].
bool read_debug_register(Cpu& cpu, unsigned number, uint64_t& value);
bool write_debug_register(Cpu& cpu, unsigned number, uint64_t value);

// The bits of CR4 that exist here: those of announced features.
constexpr uint64_t kCr4Writable = cr4::kVme | cr4::kPvi | cr4::kTsd | cr4::kDe | cr4::kPse | cr4::kPae | cr4::kMce | cr4::kPge | cr4::kPce |
                                  cr4::kOsfxsr | cr4::kOsxmmexcpt | cr4::kUmip | cr4::kFsgsbase | cr4::kPcide | cr4::kSmep | cr4::kSmap;

}  // namespace ringside::hw
