// What translating memory cost: miss rates of each TLB, walks and references by mode and by kind of access, what the monitor
// did about its tables and how much memory they took. From a run's counters and its `paging` events; where the trace records
// walks, also how many references how many walks made. Part of the trace summary; called by trace_summary.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "traces/schema/events.h"

namespace ringside::traces {

struct TlbStats {
  std::string_view name;  // "L1 data", "L1 fetch", "L2"
  uint64_t accesses = 0, misses = 0;
  double miss_rate() const { return accesses ? static_cast<double>(misses) / static_cast<double>(accesses) : 0; }
};

struct WalkStats {
  std::string name;  // of a mode or a kind of access
  uint64_t walks = 0, references = 0;
  double references_per_walk() const { return walks ? static_cast<double>(references) / static_cast<double>(walks) : 0; }
};

struct MemoryStats {
  std::vector<TlbStats> tlbs;               // those that were asked
  uint64_t misses = 0;                      // accesses of a page that no TLB held
  WalkStats all;                            // every walk
  std::vector<WalkStats> modes, kinds;      // that occurred
  uint64_t table_bytes = 0, most_table_bytes = 0;          // of the monitor's tables, at the end and at most
  std::vector<std::pair<std::string, uint64_t>> operations;  // the monitor's, in schema order
  std::vector<std::pair<unsigned, uint64_t>> lengths;        // of recorded walks: references and how many walks made them

  // A walk that a TLB entry without the right or the flag led to counts as a miss here: it costs as much.
  double references_per_miss() const { return all.references_per_walk(); }
  bool empty() const { return !all.walks && operations.empty(); }
};

// Collects while events pass by.
class MemoryStatsBuilder {
 public:
  void operator()(const Walk& event) { ++lengths_[std::min<size_t>(event.references, kMaxReferences)]; }
  void operator()(const Paging& event) { ++operations_[static_cast<size_t>(event.operation)]; }
  // `counters`: the last value of each.
  MemoryStats finish(const std::vector<std::pair<std::string, uint64_t>>& counters) const;

 private:
  std::array<uint64_t, kPagingOperationNames.size()> operations_{};
  std::array<uint64_t, kMaxReferences + 1> lengths_{};
};

std::string to_text(const MemoryStats& stats);
nlohmann::ordered_json to_json(const MemoryStats& stats);

}  // namespace ringside::traces
