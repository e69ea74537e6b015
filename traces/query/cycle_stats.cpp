#include "traces/query/cycle_stats.h"

#include "traces/schema/printable.h"

namespace ringside::traces {

uint64_t sum_of(const CycleRows& rows) {
  uint64_t sum = 0;
  for (const auto& [name, cycles] : rows) sum += cycles;
  return sum;
}

void CycleStatsBuilder::operator()(const Marker&) {
  if (at_marker_.size() < kMaxMarkers) at_marker_.push_back(last_);
}

void CycleStatsBuilder::operator()(const Counter& event) {
  if (!is_cycle_counter(event)) return;
  const std::string_view name = event.name.substr(kPrefix.size());
  auto known = places_.find(name);
  if (known == places_.end()) {
    if (names_.size() == kMaxCategories) return;
    known = places_.emplace(name, names_.size()).first;
    names_.push_back(printable(name));
    last_.push_back(0);
  }
  last_[known->second] = event.value;
}

CycleRows CycleStatsBuilder::rows(const Values& from, const Values& to) const {
  CycleRows rows;
  for (size_t i = 0; i < to.size(); ++i) {
    const uint64_t before = i < from.size() ? from[i] : 0;
    if (to[i] > before) rows.emplace_back(names_[i], to[i] - before);
  }
  return rows;
}

CycleRows CycleStatsBuilder::total() const { return rows({}, last_); }

CycleRows CycleStatsBuilder::phase(size_t marker) const {
  if (marker >= at_marker_.size()) return {};
  return rows(at_marker_[marker], marker + 1 < at_marker_.size() ? at_marker_[marker + 1] : last_);
}

}  // namespace ringside::traces
