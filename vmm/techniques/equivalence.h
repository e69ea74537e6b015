// What a technique may let a guest see that native would not, as data: each technique's folder has its list, lockstep tests excuse exactly
// these differences and nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside::vmm {

struct PermittedDifference {
  std::string_view field;   // as guest_state_names() has it, or "memory": a 64-bit word of guest RAM
  uint64_t mask = ~0ull;    // the bits that may differ
  std::string_view why;
};
using PermittedDifferences = std::span<const PermittedDifference>;

}  // namespace ringside::vmm
