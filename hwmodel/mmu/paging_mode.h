// The paging mode and the control bits that walks and permissions depend on, taken out of the control registers once
// per change. Called by the MMU; tests build them directly.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::hw {

// [SDM 3A 4.1.1 "Four Paging Modes"].
enum class PagingMode : uint8_t { kOff, kLegacy32, kPae, kFourLevel, kFiveLevel };

struct PagingControls {
  PagingMode mode = PagingMode::kOff;
  bool write_protect = false;    // CR0.WP
  bool large_pages = false;      // CR4.PSE: 4 MiB pages in 32-bit paging (the other modes have large pages regardless)
  bool global_pages = false;     // CR4.PGE
  bool process_context = false;  // CR4.PCIDE
  bool smep = false, smap = false;
  bool no_execute = false;  // EFER.NXE

  friend bool operator==(const PagingControls&, const PagingControls&) = default;
};

// [SDM 3A 4.1.1]: CR0.PG, CR4.PAE, EFER.LMA and CR4.LA57 choose the mode.
constexpr PagingMode paging_mode(const CpuState& cpu) {
  if (!(cpu.cr0 & cr0::kPg)) return PagingMode::kOff;
  if (!(cpu.cr4 & cr4::kPae)) return PagingMode::kLegacy32;
  if (!(cpu.efer & efer::kLma)) return PagingMode::kPae;
  return cpu.cr4 & cr4::kLa57 ? PagingMode::kFiveLevel : PagingMode::kFourLevel;
}

constexpr PagingControls paging_controls(const CpuState& cpu) {
  const PagingMode mode = paging_mode(cpu);
  if (mode == PagingMode::kOff) return {};  // the other bits mean nothing then
  return {.mode = mode,
          .write_protect = (cpu.cr0 & cr0::kWp) != 0,
          .large_pages = (cpu.cr4 & cr4::kPse) != 0,
          .global_pages = (cpu.cr4 & cr4::kPge) != 0,
          .process_context = (cpu.cr4 & cr4::kPcide) != 0,
          .smep = (cpu.cr4 & cr4::kSmep) != 0,
          .smap = (cpu.cr4 & cr4::kSmap) != 0,
          .no_execute = (cpu.efer & efer::kNxe) != 0};
}

// The PCID that tags TLB entries made now [SDM 3A 4.10.1 "Process-Context Identifiers (PCIDs)"].
constexpr uint16_t current_pcid(const CpuState& cpu) { return cpu.cr4 & cr4::kPcide ? cpu.cr3 & 0xfff : 0; }

}  // namespace ringside::hw
