// The two renderings of exit statistics: perf-kvm's table, and JSON.
#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "traces/base/text.h"
#include "traces/query/durations.h"
#include "traces/query/exit_stats.h"

namespace ringside::traces {
namespace {

// The columns of `perf kvm stat report`, in its widths but for the name, whose longest is wider here.
void add_row(std::string& out, std::string_view name, const DurationStats& s, const ExitStats& stats) {
  const auto us = [&](auto ticks) { return microseconds(ticks, stats.clock); };
  fmt::format_to(std::back_inserter(out), "{:>22} {:>10} {:>8.2f}% {:>8.2f}% {:>9.2f}us {:>9.2f}us {:>9.2f}us ( +-{:>7.2f}% )\n", name,
                 s.samples(), percent(s.samples(), stats.total_samples), percent(s.time(), stats.total_time), us(s.min()), us(s.max()),
                 us(s.mean()), s.relative_stddev());
}

// Shares of idle rows would be shares of something else: they have none.
void add_idle_row(std::string& out, std::string_view name, const DurationStats& s, const ExitStats& stats) {
  const auto us = [&](auto ticks) { return microseconds(ticks, stats.clock); };
  fmt::format_to(std::back_inserter(out), "{:>22} {:>10} {:>9} {:>9} {:>9.2f}us {:>9.2f}us {:>9.2f}us ( +-{:>7.2f}% )\n", name, s.samples(), "-",
                 "-", us(s.min()), us(s.max()), us(s.mean()), s.relative_stddev());
}

std::string header() {
  return fmt::format("{:>22} {:>10} {:>9} {:>9} {:>11} {:>11} {:>11}\n\n", "VM-EXIT", "Samples", "Samples%", "Time%", "Min Time", "Max Time",
                     "Avg time");
}

nlohmann::ordered_json duration_json(const DurationStats& s) {
  return {{"samples", s.samples()}, {"time", s.time()}, {"min", s.min()}, {"max", s.max()}, {"mean", s.mean()},
          {"relative_stddev_percent", s.relative_stddev()}};
}

nlohmann::ordered_json row_json(const ExitRow& row) {
  auto json = duration_json(row.monitor);
  json["exit"] = name_of(row.reason);
  json["meaning"] = info(row.reason).meaning;
  return json;
}

}  // namespace

std::string to_text(const ExitStats& stats) {
  std::string out = header();
  for (const auto& row : stats.overhead) add_row(out, name_of(row.reason), row.monitor, stats);
  out += '\n' + text::tr("traces.stats.total", stats.total_samples, microseconds(stats.total_time, stats.clock)) + '\n';
  if (!stats.idle.empty() || stats.idle_inside.samples()) {
    out += '\n' + text::tr("traces.stats.idle_title", microseconds(stats.idle_time, stats.clock)) + "\n\n";
    for (const auto& row : stats.idle) add_idle_row(out, name_of(row.reason), row.monitor, stats);
    if (stats.idle_inside.samples()) add_idle_row(out, text::tr("traces.stats.idle_inside"), stats.idle_inside, stats);
  }
  const auto note = [&out](std::string_view key, uint64_t count) {
    if (count) out += text::tr(key, count) + '\n';
  };
  if (stats.unmatched_exits || stats.unmatched_entries || stats.negative_spans || stats.lost_events) out += '\n';
  note("traces.stats.unmatched_exits", stats.unmatched_exits);
  note("traces.stats.unmatched_entries", stats.unmatched_entries);
  note("traces.stats.negative_spans", stats.negative_spans);
  note("traces.stats.lost_events", stats.lost_events);
  return out;
}

nlohmann::ordered_json to_json(const ExitStats& stats) {
  nlohmann::ordered_json json;
  json["clock"] = {{"unit", kClockUnitNames[static_cast<size_t>(stats.clock.unit)]}, {"ticks_per_second", stats.clock.ticks_per_second}};
  json["overhead"] = nlohmann::ordered_json::array();
  for (const auto& row : stats.overhead) {
    auto line = row_json(row);
    line["samples_percent"] = percent(row.monitor.samples(), stats.total_samples);
    line["time_percent"] = percent(row.monitor.time(), stats.total_time);
    json["overhead"].push_back(std::move(line));
  }
  json["idle"] = nlohmann::ordered_json::array();
  for (const auto& row : stats.idle) json["idle"].push_back(row_json(row));
  json["idle_inside"] = duration_json(stats.idle_inside);
  json["total_samples"] = stats.total_samples;
  json["total_time"] = stats.total_time;
  json["idle_time"] = stats.idle_time;
  json["guest_time"] = stats.guest_time;
  json["unmatched_exits"] = stats.unmatched_exits;
  json["unmatched_entries"] = stats.unmatched_entries;
  json["negative_spans"] = stats.negative_spans;
  json["lost_events"] = stats.lost_events;
  return json;
}

}  // namespace ringside::traces
