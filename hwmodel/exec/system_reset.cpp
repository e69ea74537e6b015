// The CPU after power-up or RESET [SDM 3A table 9-1 "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"].
// Declared in segmentation.h; called by the machine and before a loader sets another starting state.
#include <algorithm>

#include "hwmodel/exec/cpuid.h"
#include "hwmodel/exec/segmentation.h"
#include "hwmodel/machine/observer.h"

namespace ringside::hw {
namespace {

constexpr uint32_t kRealModeData = 0x93, kRealModeLdt = 0x82, kRealModeTss = 0x8b;

// MODEL: the range registers as firmware leaves them (write-back RAM, uncached VGA window), since no firmware runs before the guest.
MsrState firmware_msrs(unsigned cpu_id) {
  constexpr uint64_t kWriteBack = 0x0606060606060606ull, kBootstrap = 1 << 8;
  constexpr unsigned kVgaWindow = 2;   // MTRR_FIX16K_A0000
  MsrState msr;
  std::fill(std::begin(msr.mtrr_fixed), std::end(msr.mtrr_fixed), kWriteBack);
  msr.mtrr_fixed[kVgaWindow] = 0;
  if (cpu_id != 0) msr.apic_base &= ~kBootstrap;
  return msr;
}

}  // namespace

void reset(Cpu& cpu) {
  static_cast<CpuState&>(cpu) = CpuState{};
  for (unsigned i = kEs; i <= kGs; ++i) cpu.segment[i] = {.base = 0, .limit = 0xffff, .selector = 0, .rights = kRealModeData};
  cpu.segment[kCs].selector = 0xf000;
  cpu.segment[kCs].base = 0xffff0000;
  cpu.ldtr = {.base = 0, .limit = 0xffff, .selector = 0, .rights = kRealModeLdt};
  cpu.tr = {.base = 0, .limit = 0xffff, .selector = 0, .rights = kRealModeTss};
  cpu.gdtr.limit = cpu.idtr.limit = 0xffff;
  cpu.gpr[kRdx] = kCpuSignature;
  cpu.msr = firmware_msrs(cpu.id);
  cpu.pending = {};
  cpu.stop = StopNone{};
  cpu.replies.clear();
  cpu.debug_hits = 0;
  cpu.want_single = cpu.interrupt_waiting = false;
  cpu.mode_changed();
  cpu.mmu.flush_all();
  if (cpu.observer) cpu.observer->on_tlb_flush(FlushCause::kReset, 0);
}

}  // namespace ringside::hw
