#include "traces/query/trace_summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "traces/schema/event_table.h"
#include "traces/schema/printable.h"

namespace ringside::traces {
namespace {

constexpr size_t kMaxRows = 10'000;
using Counts = std::map<std::string, uint64_t, std::less<>>;

void count(Counts& counts, std::string_view name) {
  const auto at = counts.find(name);
  if (at != counts.end()) ++at->second;
  else if (counts.size() < kMaxRows) counts.emplace(name, 1);
}

// Most first; equal ones by name.
std::vector<std::pair<std::string, uint64_t>> ranked(const Counts& counts) {
  std::vector<std::pair<std::string, uint64_t>> rows(counts.begin(), counts.end());
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) { return a.second > b.second; });
  return rows;
}

// Error code bits [SDM 3A 4.7 "Page-Fault Exceptions"].
std::string page_fault_name(uint32_t error) {
  const bool present = error & 1, write = error & 2, user = error & 4, reserved = error & 8, fetch = error & 16;
  return fmt::format("{} {}, {}", user ? "user" : "kernel", fetch ? "fetch" : write ? "write" : "read",
                     reserved ? "reserved bit" : present ? "not permitted" : "not present");
}

class Builder {
 public:
  template <class E>
  void operator()(const E& event) {
    if constexpr (!std::is_same_v<E, UnknownEvent>) {
      note_time(event.time);
      ++kinds_[kEventIndex<E>];
      if constexpr (std::is_invocable_v<ExitStatsBuilder&, const E&>) exits_(event);
      if constexpr (std::is_invocable_v<MemoryStatsBuilder&, const E&>) memory_(event);
      take(event);
    }
  }
  TraceSummary finish(const Reader& reader, const VisitResult& result, ExitSort sort);

 private:
  void note_time(uint64_t time) {
    first_time_ = std::min(first_time_, time);
    last_time_ = std::max(last_time_, time);
  }
  template <class E>
  void take(const E&) {}
  void take(const RunStart& event) { describe(event); }
  void take(const RunEnd& event) { describe(event); ended_ = true; }
  void take(const Exit&) {
    if (!phases_.empty()) ++phases_.back().exits;
  }
  void take(const TlbFlush& event) { ++flushes_[static_cast<size_t>(event.cause)]; }
  void take(const PageFault& event) { ++page_faults_[event.error & 31]; }
  void take(const PortAccess& event) {
    if (DeviceCount* device = find_device(event.device)) (event.direction == Direction::kRead ? device->port_reads : device->port_writes) += event.count;
  }
  void take(const MmioAccess& event) {
    if (DeviceCount* device = find_device(event.device)) ++(event.direction == Direction::kRead ? device->mmio_reads : device->mmio_writes);
  }
  void take(const Marker& event) {
    if (!phases_.empty()) end_phase(event.time);
    cycles_(event);
    if (phases_.size() < kMaxRows) phases_.push_back({event.value, printable(event.name), event.time, 0, 0, {}});
  }
  void take(const Counter& event) {
    if (cycles_.is_cycle_counter(event)) return cycles_(event);
    const auto known = counter_places_.find(event.name);
    if (known != counter_places_.end()) {
      counters_[known->second].second = event.value;
    } else if (counters_.size() < kMaxRows) {
      counter_places_.emplace(event.name, counters_.size());
      counters_.emplace_back(printable(event.name), event.value);
    }
  }
  void take(const Unimplemented& event) { count(unimplemented_, printable(event.instruction)); }

  template <class E>
  void describe(const E& event) {
    for_each_field(event, [this](const FieldInfo& field, const auto& value) {
      using M = std::decay_t<decltype(value)>;
      std::string text;
      if constexpr (std::is_same_v<M, std::string_view>) text = printable(value);
      else if constexpr (std::is_enum_v<M>) text = kEnumNames<M>[static_cast<size_t>(value)];
      else text = fmt::format("{}", value);
      if (!text.empty() && run_.size() < kMaxRows) run_.emplace_back(field.name, std::move(text));
    });
  }
  DeviceCount* find_device(std::string_view name) {
    const auto at = devices_.find(name);
    if (at != devices_.end()) return &at->second;
    if (devices_.size() >= kMaxRows) return nullptr;
    return &devices_.emplace(name, DeviceCount{.name = printable(name)}).first->second;
  }
  void end_phase(uint64_t time) {
    Phase& last = phases_.back();
    last.duration = time >= last.start ? time - last.start : 0;
  }

  std::array<uint64_t, kEventKinds> kinds_{};
  std::array<uint64_t, kFlushCauseNames.size()> flushes_{};
  std::array<uint64_t, 32> page_faults_{};
  std::map<std::string, DeviceCount, std::less<>> devices_;
  std::vector<Phase> phases_;
  std::vector<std::pair<std::string, uint64_t>> counters_;
  std::map<std::string, size_t, std::less<>> counter_places_;  // by name as recorded
  Counts unimplemented_;
  std::vector<std::pair<std::string, std::string>> run_;
  ExitStatsBuilder exits_;
  CycleStatsBuilder cycles_;
  MemoryStatsBuilder memory_;
  uint64_t first_time_ = ~0ull, last_time_ = 0;
  bool ended_ = false;
};

TraceSummary Builder::finish(const Reader& reader, const VisitResult& result, ExitSort sort) {
  TraceSummary summary;
  summary.run = std::move(run_);
  summary.ended = ended_;
  summary.complete = reader.complete();
  summary.file_bytes = reader.file_size();
  summary.events = result.events;
  summary.chunks = reader.chunks().size();
  summary.damaged_chunks = reader.damaged_chunks();
  summary.unknown_events = result.unknown_events;
  summary.first_time = std::min(first_time_, last_time_);
  summary.last_time = last_time_;
  for (size_t i = 0; i < kEventKinds; ++i)
    if (kinds_[i]) summary.kinds.emplace_back(event_table()[i].name, kinds_[i]);
  for (size_t i = 0; i < flushes_.size(); ++i)
    if (flushes_[i]) summary.flushes.emplace_back(kFlushCauseNames[i], flushes_[i]);
  Counts faults;
  for (uint32_t error = 0; error < page_faults_.size(); ++error)
    if (page_faults_[error]) faults[page_fault_name(error)] += page_faults_[error];
  summary.page_faults = ranked(faults);
  for (auto& [name, device] : devices_) summary.devices.push_back(std::move(device));
  std::ranges::stable_sort(summary.devices, [](const auto& a, const auto& b) { return a.accesses() > b.accesses(); });
  if (!phases_.empty()) end_phase(last_time_);
  for (size_t i = 0; i < phases_.size(); ++i) phases_[i].cycles = cycles_.phase(i);
  summary.phases = std::move(phases_);
  summary.cycles = cycles_.total();
  summary.memory = memory_.finish(counters_);
  summary.counters = std::move(counters_);
  summary.unimplemented = ranked(unimplemented_);
  summary.exits = exits_.finish(reader.clock(), result.lost_events, sort);
  return summary;
}

}  // namespace

TraceSummary summarize(const Reader& reader, ExitSort sort) {
  Builder builder;
  const VisitResult result = reader.visit(builder);
  return builder.finish(reader, result, sort);
}

}  // namespace ringside::traces
