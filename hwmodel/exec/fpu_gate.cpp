#include "hwmodel/exec/fpu_gate.h"

namespace ringside::hw {

bool refuse_sse(Cpu& cpu) {
  if ((cpu.cr0 & cr0::kEm) || !(cpu.cr4 & cr4::kOsfxsr)) return cpu.raise(Vector::kUD);
  return cpu.raise(Vector::kNM);
}

// MODEL: with CR0.NE clear a real PC signals FERR#, which the chipset turns into IRQ 13. That wire is not modelled: a pending
// exception is then ignored, as with IGNNE# asserted [SDM 3A 2.5, CR0.NE].
static bool deliver_pending_x87(Cpu& cpu) {
  if (!(cpu.cr0 & cr0::kNe)) return true;
  return cpu.raise(Vector::kMF);
}

bool refuse_mmx(Cpu& cpu) {
  if (cpu.cr0 & cr0::kEm) return cpu.raise(Vector::kUD);
  if (cpu.cr0 & cr0::kTs) return cpu.raise(Vector::kNM);
  return deliver_pending_x87(cpu);
}

bool refuse_x87(Cpu& cpu) {
  if (cpu.cr0 & (cr0::kEm | cr0::kTs)) return cpu.raise(Vector::kNM);
  return deliver_pending_x87(cpu);
}

}  // namespace ringside::hw
