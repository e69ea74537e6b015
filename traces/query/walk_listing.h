// A page walk as a student reads it: a numbered list of its references with what each entry says, rows for what caches knew,
// and the verdict. Several walks of one address are set side by side, level by level, so that what one needs and another does
// not is seen at a glance. Called by `ringside walk`; walk_graph.h draws the same listing.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "traces/schema/events.h"

namespace ringside::traces {

struct WalkRow {
  enum class Kind : uint8_t { kGuest, kShadow, kNested, kCache } kind = Kind::kGuest;
  unsigned number = 0;   // of the reference, from 1; 0: a cache knew it
  unsigned section = 0;  // the level of guest or shadow table the row reads or helps to find: 5 to 1; 0: the page itself
  std::string what{};      // "guest 4", "nested 2"
  std::string address{};   // of the entry
  std::string entry{};     // its value
  std::string meaning{};   // "P W U A -> 0x1a7c000", or what the cache knew
};

struct WalkListing {
  std::string title;  // whose walk it is: a technique and paging, or a file
  WalkMode mode = WalkMode::kNative;
  std::vector<WalkRow> rows;
  std::vector<std::string> summary;  // access, caches, outcome, permission; one sentence each
  unsigned references = 0;
};

WalkListing list_walk(const Walk& walk, const std::string& title);

std::string to_text(const WalkListing& listing);
// One column each; at least one.
std::string side_by_side(std::span<const WalkListing> listings);
nlohmann::ordered_json to_json(const WalkListing& listing);

}  // namespace ringside::traces
