// Overlap of memory ranges.
#include "vmm/boot/boot_state.h"

namespace ringside::vmm {

bool overlap(GuestPhysical a, uint64_t a_bytes, GuestPhysical b, uint64_t b_bytes) {
  if (a_bytes == 0 || b_bytes == 0) return false;
  return a.value <= b.value ? b.value - a.value < a_bytes : a.value - b.value < b_bytes;
}

}  // namespace ringside::vmm
