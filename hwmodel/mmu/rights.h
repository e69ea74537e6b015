// Rights of a translation, accumulated over all entries that lead to it (logical AND, so "all" is the start value).
// The guest's own tables give bits 0..2, the tables of the dimension below (EPT) bits 3..5; without one those stay set.
#pragma once

#include <cstdint>

#include "hwmodel/mmu/access_mode.h"

namespace ringside::hw {

//   7 6 | 5        4        3       | 2      1     0
//   0 0 | nested-X nested-W nested-R | guest-X guest-U guest-W
using Rights = uint8_t;
namespace rights {
constexpr Rights kWrite = 1 << 0, kUser = 1 << 1, kExecute = 1 << 2, kNestedRead = 1 << 3, kNestedWrite = 1 << 4,
                 kNestedExecute = 1 << 5;
constexpr Rights kGuest = kWrite | kUser | kExecute, kNested = kNestedRead | kNestedWrite | kNestedExecute;
constexpr Rights kAll = kGuest | kNested;
constexpr unsigned kNestedShift = 3;

// The nested right an access of `kind` needs.
constexpr Rights nested(AccessKind kind) {
  return static_cast<Rights>(1u << (kNestedShift + static_cast<unsigned>(kind)));
}
static_assert(nested(AccessKind::kRead) == kNestedRead && nested(AccessKind::kWrite) == kNestedWrite &&
              nested(AccessKind::kFetch) == kNestedExecute);
}  // namespace rights

}  // namespace ringside::hw
