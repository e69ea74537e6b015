// What technique `bt` may show a guest otherwise than native does (vmm/techniques/equivalence.h): nothing but time. Translated code takes other
// numbers of instructions, so timers fire at other points; where a guest's registers or memory hold what a clock said, they differ.
#pragma once

#include "vmm/techniques/equivalence.h"

namespace ringside::vmm {

inline PermittedDifferences bt_permitted_differences() {
  static constexpr PermittedDifference kAll[] = {{"tsc", ~uint64_t{0}, "translated code takes its own time"}};
  return kAll;
}

}  // namespace ringside::vmm
