#include "hwmodel/mmu/tlb_array.h"

namespace ringside::hw {

TlbArray::TlbArray(const TlbArrayShape& shape)
    : shape_(shape),
      set_mask_(shape.entries / shape.ways - 1),
      keys_(shape.entries, kFree),
      stamps_(shape.entries),
      occupied_((shape.entries + 63) / 64),
      entries_(shape.entries) {}

unsigned TlbArray::victim(unsigned base) const {
  unsigned oldest = base;
  for (unsigned index = base; index < base + shape_.ways; ++index) {
    if (keys_[index] == kFree) return index;
    if (stamps_[index] < stamps_[oldest]) oldest = index;
  }
  return oldest;
}

}  // namespace ringside::hw
