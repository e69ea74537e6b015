#include "hwmodel/exec/simd_mxcsr.h"

namespace ringside::hw {

bool accept_float_flags(Cpu& cpu, uint32_t flags) {
  const uint32_t unmasked = ~(cpu.mxcsr >> mxcsr::kMaskShift) & mxcsr::kFlags;
  if (flags & unmasked & mxcsr::kBefore) flags &= mxcsr::kBefore;
  cpu.mxcsr |= flags;
  if (!(flags & unmasked)) return true;
  return cpu.raise(cpu.cr4 & cr4::kOsxmmexcpt ? Vector::kXM : Vector::kUD);
}

}  // namespace ringside::hw
