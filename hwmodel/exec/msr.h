// Model-specific registers: a table of those that exist, with how each is read and written. Unknown ones fault, as on hardware.
// Called by RDMSR and WRMSR; the local APIC's registers are the chipset's.
#pragma once

#include <cstdint>
#include <span>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

struct MsrInfo {
  uint32_t index;
  const char* name;                                          // the manual's, without IA32_ where it has it
  bool (*read)(Cpu& cpu, const Uop* op, uint64_t& value);    // null: cannot be read
  bool (*write)(Cpu& cpu, const Uop* op, uint64_t value);    // null: cannot be written; false: the value is not allowed
};
std::span<const MsrInfo> msr_table();

// False: no such register, or the value breaks a rule; the caller raises #GP(0). `op` is the micro-op asking (null outside of one).
bool read_msr(Cpu& cpu, const Uop* op, uint32_t index, uint64_t& value);
bool write_msr(Cpu& cpu, const Uop* op, uint32_t index, uint64_t value);

uint64_t read_tsc(const Cpu& cpu, const Uop* op);

// IA32_ARCH_CAPABILITIES [SDM 4 table 2-2, 10AH]: nothing is speculated, so every "not affected" bit is the honest answer.
constexpr uint64_t kArchCapabilities = 1ull << 0    // RDCL_NO: Meltdown
                                     | 1ull << 1    // IBRS_ALL: enhanced IBRS
                                     | 1ull << 3    // SKIP_L1DFL_VMENTRY
                                     | 1ull << 4    // SSB_NO
                                     | 1ull << 5    // MDS_NO
                                     | 1ull << 6    // IF_PSCHANGE_MC_NO
                                     | 1ull << 8    // TAA_NO
                                     | 1ull << 13   // SBDR_SSDP_NO
                                     | 1ull << 14   // FBSDP_NO
                                     | 1ull << 15   // PSDP_NO
                                     | 1ull << 20   // BHI_NO
                                     | 1ull << 24   // PBRSB_NO
                                     | 1ull << 26   // GDS_NO
                                     | 1ull << 27   // RFDS_NO
                                     | 1ull << 62;  // ITS_NO

}  // namespace ringside::hw
