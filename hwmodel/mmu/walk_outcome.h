// How a translation can end. Shared by the walk's record and the MMU's answer.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringside::hw {

// Whose table a step read: the guest's own, the monitor's shadow of it, or the one of the dimension below (EPT).
enum class TableKind : uint8_t { kGuest, kShadow, kNested };

// How many dimensions a walk has and whose tables it begins in.
enum class WalkMode : uint8_t {
  kNative,  // one dimension, the guest's own tables
  kNested,  // two dimensions from CR3 on
  kShadow,  // one dimension, the monitor's tables
  kAgile,   // shadow tables that may switch to two dimensions on the way
};
inline constexpr unsigned kWalkModes = 4;
inline constexpr std::array<std::string_view, kWalkModes> kWalkModeNames = {"native", "nested", "shadow", "agile"};

enum class WalkOutcome : uint8_t {
  kTranslated,
  kPageFault,        // #PF with an error code
  kNestedViolation,  // EPT violation: the dimension below does not allow it; qualification and guest-physical address
  kNestedMisconfiguration,  // EPT misconfiguration: an entry below is malformed; guest-physical address
};

}  // namespace ringside::hw
