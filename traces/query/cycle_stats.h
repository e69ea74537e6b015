// Where modelled time went, by category: from the counters "cycles_..." that a run in detailed mode leaves just before each marker of the
// guest and at its end. Used by the trace summary.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/schema/events.h"

namespace ringside::traces {

using CycleRows = std::vector<std::pair<std::string, uint64_t>>;  // category and cycles, in the order recorded; none of 0 cycles

uint64_t sum_of(const CycleRows& rows);

class CycleStatsBuilder {
 public:
  void operator()(const Marker& event);
  void operator()(const Counter& event);
  bool is_cycle_counter(const Counter& event) const { return event.name.starts_with(kPrefix); }
  // The whole run.
  CycleRows total() const;
  // From the marker of this number (0: the first) to the next one, or to the end.
  CycleRows phase(size_t marker) const;

 private:
  static constexpr std::string_view kPrefix = "cycles_";
  static constexpr size_t kMaxCategories = 64, kMaxMarkers = 10'000;
  using Values = std::vector<uint64_t>;  // by category
  CycleRows rows(const Values& from, const Values& to) const;

  std::vector<std::string> names_;
  std::map<std::string, size_t, std::less<>> places_;
  Values last_;
  std::vector<Values> at_marker_;
};

}  // namespace ringside::traces
