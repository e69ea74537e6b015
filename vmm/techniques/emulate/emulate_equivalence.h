// What technique `emulate` may show a guest otherwise than native does (vmm/techniques/equivalence.h): nothing on the model. By the host's
// clock, time is the host's.
#pragma once

#include "vmm/techniques/equivalence.h"

namespace ringside::vmm {

inline PermittedDifferences emulate_permitted_differences() { return {}; }

}  // namespace ringside::vmm
