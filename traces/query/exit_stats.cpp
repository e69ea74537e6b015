#include "traces/query/exit_stats.h"

#include <algorithm>
#include <cmath>

namespace ringside::traces {
namespace {

auto sort_key(const ExitRow& row, ExitSort sort) {
  switch (sort) {
    case ExitSort::kSamples: return static_cast<double>(row.monitor.samples());
    case ExitSort::kTime: return static_cast<double>(row.monitor.time());
    case ExitSort::kMean: return row.monitor.mean();
    case ExitSort::kMax: return static_cast<double>(row.monitor.max());
    case ExitSort::kName: return 0.0;
  }
  return 0.0;
}

// Largest first; equal ones, and all of them for kName, by name.
void sort_rows(std::vector<ExitRow>& rows, ExitSort sort) {
  std::ranges::sort(rows, [sort](const ExitRow& a, const ExitRow& b) {
    const double key_a = sort_key(a, sort), key_b = sort_key(b, sort);
    return key_a != key_b ? key_a > key_b : name_of(a.reason) < name_of(b.reason);
  });
}

}  // namespace

void DurationStats::add(uint64_t duration) {
  ++samples_;
  time_ += duration;
  min_ = std::min(min_, duration);
  max_ = std::max(max_, duration);
  const double difference = static_cast<double>(duration) - mean_;
  mean_ += difference / static_cast<double>(samples_);
  m2_ += difference * (static_cast<double>(duration) - mean_);
}

double DurationStats::relative_stddev() const {
  if (samples_ < 2 || mean_ == 0) return 0;
  const double n = static_cast<double>(samples_);
  return 100 * std::sqrt(m2_ / (n - 1) / n) / mean_;
}

void ExitStatsBuilder::operator()(const Exit& event) {
  Vcpu& vcpu = vcpus_[event.vcpu % kMaxVcpus];
  if (vcpu.state == Vcpu::State::kInMonitor) ++unmatched_exits_;
  if (vcpu.state == Vcpu::State::kInGuest && event.time >= vcpu.since) guest_time_ += event.time - vcpu.since;
  vcpu = {Vcpu::State::kInMonitor, event.reason, event.time};
}

void ExitStatsBuilder::operator()(const Entry& event) {
  Vcpu& vcpu = vcpus_[event.vcpu % kMaxVcpus];
  if (vcpu.state == Vcpu::State::kInGuest) ++unmatched_entries_;
  if (vcpu.state == Vcpu::State::kInMonitor) {
    if (event.time >= vcpu.since) reasons_[static_cast<size_t>(vcpu.reason)].add(event.time - vcpu.since);
    else ++negative_spans_;
  }
  vcpu = {Vcpu::State::kInGuest, ExitReason::kUnknown, event.time};
}

void ExitStatsBuilder::operator()(const Idle& event) { idle_inside_.add(event.duration); }
void ExitStatsBuilder::operator()(const LostEvents& event) { lost_ += event.count; }

ExitStats ExitStatsBuilder::finish(const Clock& clock, uint64_t lost_in_file, ExitSort sort) const {
  ExitStats stats;
  stats.clock = clock;
  for (size_t i = 0; i < kExitReasonCount; ++i) {
    const ExitRow row{static_cast<ExitReason>(i), reasons_[i]};
    if (row.monitor.samples() == 0) continue;
    if (is_idle(row.reason)) {
      stats.idle.push_back(row);
      stats.idle_time += row.monitor.time();
    } else {
      stats.overhead.push_back(row);
      stats.total_samples += row.monitor.samples();
      stats.total_time += row.monitor.time();
    }
  }
  sort_rows(stats.overhead, sort);
  sort_rows(stats.idle, sort);
  stats.idle_inside = idle_inside_;
  stats.idle_time += idle_inside_.time();
  stats.guest_time = guest_time_;
  stats.unmatched_exits = unmatched_exits_;
  for (const Vcpu& vcpu : vcpus_) stats.unmatched_exits += vcpu.state == Vcpu::State::kInMonitor;
  stats.unmatched_entries = unmatched_entries_;
  stats.negative_spans = negative_spans_;
  stats.lost_events = lost_ + lost_in_file;
  return stats;
}

ExitStats exit_stats(const Reader& reader, ExitSort sort, EventRange range) {
  ExitStatsBuilder builder;
  const VisitResult result = reader.visit(builder, range);
  return builder.finish(reader.clock(), result.lost_events, sort);
}

}  // namespace ringside::traces
