// Exit statistics in perf-kvm's columns: how many exits of each reason, and how long the monitor took for them. Time the guest
// had nothing to do (HLT) is kept apart: it is idle, no cost of virtualization. Called by `ringside stats` and the comparison.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "traces/read/reader.h"
#include "traces/schema/events.h"

namespace ringside::traces {

// Durations of one kind: count, sum, extremes, and spread by Welford's method.
class DurationStats {
 public:
  void add(uint64_t duration);
  uint64_t samples() const { return samples_; }
  uint64_t time() const { return time_; }
  uint64_t min() const { return samples_ ? min_ : 0; }
  uint64_t max() const { return max_; }
  double mean() const { return mean_; }
  // As perf prints it: standard error of the mean, in percent of the mean; 0 below two samples.
  double relative_stddev() const;

 private:
  uint64_t samples_ = 0, time_ = 0, min_ = ~0ull, max_ = 0;
  double mean_ = 0, m2_ = 0;
};

struct ExitRow {
  ExitReason reason = ExitReason::kUnknown;
  DurationStats monitor;  // time from exit to entry, in ticks of the clock
};

enum class ExitSort : uint8_t { kSamples, kTime, kMean, kMax, kName };

struct ExitStats {
  Clock clock;
  std::vector<ExitRow> overhead;     // sorted; only reasons that occur
  std::vector<ExitRow> idle;         // exits for HLT or MWAIT
  DurationStats idle_inside;         // HLT waits inside the machine, without an exit
  uint64_t total_samples = 0;        // of overhead
  uint64_t total_time = 0;
  uint64_t idle_time = 0;            // of both kinds
  uint64_t guest_time = 0;           // from entries to exits
  uint64_t unmatched_exits = 0;      // no entry follows on that vCPU: the last one, or the trace has a gap
  uint64_t unmatched_entries = 0;    // no exit before
  uint64_t negative_spans = 0;       // entry before its exit by the clock; not counted above
  uint64_t lost_events = 0;          // said by the trace itself, and in damaged chunks
};

// Collects while events pass by: use it as a visitor, or call it from one.
class ExitStatsBuilder {
 public:
  void operator()(const Exit& event);
  void operator()(const Entry& event);
  void operator()(const Idle& event);
  void operator()(const LostEvents& event);
  ExitStats finish(const Clock& clock, uint64_t lost_in_file, ExitSort sort = ExitSort::kSamples) const;

 private:
  struct Vcpu {
    enum class State : uint8_t { kFresh, kInGuest, kInMonitor } state = State::kFresh;
    ExitReason reason = ExitReason::kUnknown;
    uint64_t since = 0;
  };
  std::array<Vcpu, kMaxVcpus> vcpus_{};
  std::array<DurationStats, kExitReasonCount> reasons_{};
  DurationStats idle_inside_;
  uint64_t guest_time_ = 0, unmatched_exits_ = 0, unmatched_entries_ = 0, negative_spans_ = 0, lost_ = 0;
};

ExitStats exit_stats(const Reader& reader, ExitSort sort = ExitSort::kSamples, EventRange range = {});

// The table as perf kvm stat report prints it, then idle time and what was lost.
std::string to_text(const ExitStats& stats);
nlohmann::ordered_json to_json(const ExitStats& stats);

}  // namespace ringside::traces
