// WalkReference: one reference of a page walk to one table entry, as events of kind `walk` carry them in a list
// (Unit::kReferences). The list's place on disk is reference_codec.h's, its text is what exporters and the CLI print.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "traces/schema/field.h"

namespace ringside::traces {

// Whose table was read. Append only, at most 4: files hold the numbers.
enum class WalkTable : uint8_t { kGuest, kShadow, kNested };
inline constexpr std::array<std::string_view, 3> kWalkTableNames = {"guest", "shadow", "nested"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<WalkTable> = kWalkTableNames;

struct WalkReference {
  uint64_t address = 0;  // of the entry, machine-physical
  uint64_t entry = 0;    // as read, before flags were set
  WalkTable table = WalkTable::kGuest;
  uint8_t level = 0;     // 1: the entry of a 4 KiB page; at most 7
  uint8_t serves = 0;    // of a nested table: level of the guest table being located, 0 for the page itself; at most 7
  bool set_accessed = false, set_dirty = false;  // the walk wrote these flags

  friend bool operator==(const WalkReference&, const WalkReference&) = default;
};

// The deepest walk of 5 x 5 levels makes 35; a writer cuts longer lists.
inline constexpr size_t kMaxReferences = 40;

// "guest4@0x1a7b000=0x1a7c067+A; nested4/3@0x..." : table, level, for nested ones what it serves, address, entry, flags written.
std::string references_text(std::span<const WalkReference> references);

}  // namespace ringside::traces
