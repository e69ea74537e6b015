// How a translation can end. Shared by the walk's record and the MMU's answer.
#pragma once

#include <cstdint>

namespace ringside::hw {

// Whose table a step read: the guest's own, the monitor's shadow of it, or the one of the dimension below (EPT).
enum class TableKind : uint8_t { kGuest, kShadow, kNested };

enum class WalkOutcome : uint8_t {
  kTranslated,
  kPageFault,        // #PF with an error code
  kNestedViolation,  // EPT violation: the dimension below does not allow it; qualification and guest-physical address
  kNestedMisconfiguration,  // EPT misconfiguration: an entry below is malformed; guest-physical address
};

}  // namespace ringside::hw
