// What technique `trap` may show a guest otherwise than native does (vmm/techniques/equivalence.h). On a processor on which every sensitive
// instruction traps (--isa strict): nothing. On x86 as built a guest that executes them unnoticed goes wrong without bound, which no list of
// permitted differences describes: the run's report names those instructions instead.
#pragma once

#include "vmm/techniques/equivalence.h"

namespace ringside::vmm {

inline PermittedDifferences trap_permitted_differences() { return {}; }

}  // namespace ringside::vmm
