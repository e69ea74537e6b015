#include "hwmodel/mmu/tlb.h"

namespace ringside::hw {

TlbSet::TlbSet(const TlbProfile& profile) : profile_(profile) {
  arrays_.reserve(profile_.arrays.size());  // sides point into it
  for (const TlbArrayShape& shape : profile_.arrays) {
    TlbArray& array = arrays_.emplace_back(shape);
    for (unsigned size = 0; size < kPageSizes; ++size) {
      if (!shape.holds[size]) continue;
      if (shape.serves != TlbServes::kFetch) side_[shape.level - 1][0].by_size[size] = &array;
      if (shape.serves != TlbServes::kData) side_[shape.level - 1][1].by_size[size] = &array;
    }
  }
}

}  // namespace ringside::hw
