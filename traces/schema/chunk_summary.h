// What a chunk holds, in numbers: events of each kind, and for each exit reason how many exits ended in it and how long they
// took in the monitor. Stored uncompressed beside each chunk, so that a far view needs no event.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "traces/schema/events.h"

namespace ringside::traces {

struct ReasonTotal {
  uint64_t samples = 0;  // exits whose entry lies in this chunk
  uint64_t time = 0;     // in the monitor
};

struct ChunkSummary {
  std::vector<uint64_t> events;                            // by kind, in the order of the file's schema
  std::array<ReasonTotal, kExitReasonCount> reasons{};

  void reset(size_t kinds) {
    events.assign(kinds, 0);
    reasons.fill({});
  }
};

// Only kinds and reasons that occur take space.
std::vector<uint8_t> encode(const ChunkSummary& summary);
// False if the bytes are no summary; `kinds` is the number of kinds in the file's schema.
bool decode(std::span<const uint8_t> bytes, size_t kinds, ChunkSummary& summary);

}  // namespace ringside::traces
