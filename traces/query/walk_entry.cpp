#include "traces/query/walk_entry.h"

#include <fmt/format.h>

#include <iterator>
#include <span>
#include <vector>

#include "traces/base/text.h"

namespace ringside::traces {
namespace {

struct Bit {
  unsigned bit;
  std::string_view letter;
};

// [SDM 3A tables 4-14 to 4-20]; of a shadow table also what the monitor keeps there (vmm/paging/shadow_table.h).
constexpr Bit kGuestBits[] = {{0, "P"}, {1, "W"}, {2, "U"}, {5, "A"}, {6, "D"}, {8, "G"}, {63, "NX"}};
constexpr Bit kShadowBits[] = {{0, "P"}, {1, "W"}, {2, "U"}, {5, "A"}, {6, "D"}, {8, "G"}, {9, "DEVICE"}, {10, "OPEN"}, {52, "SWITCH"}, {63, "NX"}};
// [SDM 3C tables 28-1 to 28-6].
constexpr Bit kNestedBits[] = {{0, "R"}, {1, "W"}, {2, "X"}, {8, "A"}, {9, "D"}};
constexpr uint64_t kFrame = 0x000ffffffffff000, kLarge = 1 << 7;

std::span<const Bit> bits_of(WalkTable table) {
  switch (table) {
    case WalkTable::kGuest: return kGuestBits;
    case WalkTable::kShadow: return kShadowBits;
    case WalkTable::kNested: return kNestedBits;
  }
  return {};
}

bool present(const WalkReference& r) { return r.table == WalkTable::kNested ? (r.entry & 7) != 0 : (r.entry & 1) != 0; }

}  // namespace

std::string entry_meaning(const WalkReference& r) {
  if (!present(r)) return text::tr("traces.walk.not_present");
  std::string out;
  for (const Bit& bit : bits_of(r.table))
    if (r.entry >> bit.bit & 1) fmt::format_to(std::back_inserter(out), "{}{}", bit.letter, " ");
  const bool large = (r.level == 2 || r.level == 3) && (r.entry & kLarge);
  uint64_t frame = r.entry & kFrame;
  if (large) frame &= ~((uint64_t{1} << (12 + 9 * (r.level - 1))) - 1);
  fmt::format_to(std::back_inserter(out), "{}-> {:#x}", large ? "PS " : "", frame);
  if (r.set_accessed || r.set_dirty) out += text::tr("traces.walk.sets", r.set_accessed && r.set_dirty ? "A D" : r.set_accessed ? "A" : "D");
  return out;
}

std::string error_meaning(uint32_t error) {
  std::vector<std::string_view> words = {error & 1 ? "present" : "not present", error & 16 ? "fetch" : error & 2 ? "write" : "read", error & 4 ? "user" : "supervisor"};
  if (error & 8) words.push_back("reserved bit");
  if (error & 32) words.push_back("protection key");
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string rights_meaning(uint8_t rights, WalkMode mode) {
  const bool two = mode == WalkMode::kNested || mode == WalkMode::kAgile;
  const bool write = (rights & 1) && (!two || (rights & 16)), execute = (rights & 4) && (!two || (rights & 32));
  return text::tr(rights & 2 ? "traces.walk.rights_user" : "traces.walk.rights_supervisor", write ? ", write" : "", execute ? ", execute" : "");
}

}  // namespace ringside::traces
