// Finds a walk in a trace: the one an event belongs to, or the last one to an address. Called by `ringside walk`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "traces/base/result.h"
#include "traces/query/walk_listing.h"
#include "traces/read/reader.h"

namespace ringside::sim {

struct WalkQuestion {
  std::optional<uint64_t> event;    // the walk with this number, else the last before it
  std::optional<uint64_t> address;  // the last walk to a page with this address (up to `event`, where given)
};

// Error kUsage: the trace has no such event, records no walks, or none to the address.
Result<traces::WalkListing> find_walk(const traces::Reader& reader, const std::string& name, const WalkQuestion& question);

}  // namespace ringside::sim
