// What technique `hw` may show a guest otherwise than native does (vmm/techniques/equivalence.h): nothing. Control registers it owns bits of
// are shown as the guest set them, and its tables get accessed and dirty flags when native would set them.
#pragma once

#include "vmm/techniques/equivalence.h"

namespace ringside::vmm {

inline PermittedDifferences hw_permitted_differences() { return {}; }

}  // namespace ringside::vmm
