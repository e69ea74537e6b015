// What the numbers of a walk mean: the bits of a table entry, of a fault's error code, and of the rights of all entries
// together, as short text. The trace records numbers; this is the one place that spells them. Called by walk_listing.h.
#pragma once

#include <cstdint>
#include <string>

#include "traces/schema/events.h"

namespace ringside::traces {

// "P W U A -> 0x1a7c000", "R W X -> 0x3000", "not present".
std::string entry_meaning(const WalkReference& reference);
// "present, write, user" [SDM 3A 4.7 "Page-Fault Exceptions"].
std::string error_meaning(uint32_t error);
// "read, write, execute; for users too"; in two dimensions what both allow.
std::string rights_meaning(uint8_t rights, WalkMode mode);

}  // namespace ringside::traces
