// The two renderings of a trace summary: text with one block per subject, and JSON.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "traces/base/text.h"
#include "traces/query/durations.h"
#include "traces/query/trace_summary.h"

namespace ringside::traces {
namespace {

constexpr size_t kShownRows = 20;  // of a list in the text; JSON has all

void title(std::string& out, std::string_view key) { out += '\n' + text::tr(key) + '\n'; }

template <class Rows, class Print>
void block(std::string& out, std::string_view key, const Rows& rows, Print&& print) {
  if (rows.empty()) return;
  title(out, key);
  size_t shown = 0;
  for (const auto& row : rows) {
    if (shown++ == kShownRows) break;
    print(row);
  }
  if (rows.size() > kShownRows) out += "  " + text::tr("traces.stats.more", rows.size() - kShownRows) + '\n';
}

template <class Share>
void counts_block(std::string& out, std::string_view key, const std::vector<std::pair<std::string, uint64_t>>& rows, Share&& share) {
  block(out, key, rows, [&](const auto& row) {
    fmt::format_to(std::back_inserter(out), "  {:<32} {:>14}  {}\n", row.first, row.second, share(row.second));
  });
}
void counts_block(std::string& out, std::string_view key, const std::vector<std::pair<std::string, uint64_t>>& rows) {
  block(out, key, rows, [&](const auto& row) { fmt::format_to(std::back_inserter(out), "  {:<32} {:>14}\n", row.first, row.second); });
}

std::string share_text(uint64_t part, uint64_t whole) { return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole)); }

void cycles_block(std::string& out, const CycleRows& rows) {
  const uint64_t total = sum_of(rows);
  counts_block(out, "traces.stats.cycles", rows, [&](uint64_t cycles) { return share_text(cycles, total); });
  if (total) fmt::format_to(std::back_inserter(out), "  {:<32} {:>14}\n", text::tr("traces.stats.cycles_total"), total);
}

// One line: the largest shares of a phase.
std::string phase_cycles(CycleRows rows) {
  const uint64_t total = sum_of(rows);
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t kShown = 5;
  std::string text = text::tr("traces.stats.phase_cycles", total);
  for (size_t i = 0; i < std::min(rows.size(), kShown); ++i) text += fmt::format("{} {} {}", i ? "," : ":", rows[i].first, share_text(rows[i].second, total));
  return text;
}

void state_lines(std::string& out, const TraceSummary& s) {
  const Clock& clock = s.exits.clock;
  out += text::tr("traces.stats.file", s.events, s.file_bytes, s.events ? static_cast<double>(s.file_bytes) / static_cast<double>(s.events) : 0.0,
                  s.chunks) + '\n';
  out += text::tr("traces.stats.span", microseconds(s.last_time - s.first_time, clock) / 1e6, kClockUnitNames[static_cast<size_t>(clock.unit)]) + '\n';
  if (!s.complete) out += text::tr("traces.stats.incomplete") + '\n';
  if (s.damaged_chunks) out += text::tr("traces.stats.damaged", s.damaged_chunks) + '\n';
  if (s.unknown_events) out += text::tr("traces.stats.unknown", s.unknown_events) + '\n';
}

nlohmann::ordered_json object(const std::vector<std::pair<std::string, uint64_t>>& rows) {
  auto json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : rows) json[name] = value;
  return json;
}

}  // namespace

std::string to_text(const TraceSummary& s) {
  std::string out;
  const auto to = std::back_inserter(out);
  for (const auto& [name, value] : s.run) fmt::format_to(to, "{:<14} {}\n", name, value);
  if (!s.run.empty()) out += '\n';
  state_lines(out, s);
  counts_block(out, "traces.stats.kinds", s.kinds);
  counts_block(out, "traces.stats.page_faults", s.page_faults);
  counts_block(out, "traces.stats.flushes", s.flushes);
  block(out, "traces.stats.devices", s.devices, [&](const DeviceCount& d) {
    fmt::format_to(to, "  {:<20} {}\n", d.name.empty() ? text::tr("traces.stats.no_device") : d.name,
                   text::tr("traces.stats.device", d.port_reads, d.port_writes, d.mmio_reads, d.mmio_writes));
  });
  block(out, "traces.stats.phases", s.phases, [&](const Phase& p) {
    fmt::format_to(to, "  {:>6} {:<20} {}\n", p.value, p.name,
                   text::tr("traces.stats.phase", microseconds(p.start, s.exits.clock), microseconds(p.duration, s.exits.clock), p.exits));
    if (!p.cycles.empty()) fmt::format_to(to, "         {}\n", phase_cycles(p.cycles));
  });
  cycles_block(out, s.cycles);
  out += to_text(s.memory);
  counts_block(out, "traces.stats.unimplemented", s.unimplemented);
  counts_block(out, "traces.stats.counters", s.counters);
  out += '\n';
  return out + to_text(s.exits);
}

nlohmann::ordered_json to_json(const TraceSummary& s) {
  nlohmann::ordered_json json;
  json["run"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : s.run) json["run"][name] = value;
  json["ended"] = s.ended;
  json["complete"] = s.complete;
  json["file_bytes"] = s.file_bytes;
  json["events"] = s.events;
  json["chunks"] = s.chunks;
  json["damaged_chunks"] = s.damaged_chunks;
  json["unknown_events"] = s.unknown_events;
  json["first_time"] = s.first_time;
  json["last_time"] = s.last_time;
  json["kinds"] = object(s.kinds);
  json["page_faults"] = object(s.page_faults);
  json["tlb_flushes"] = object(s.flushes);
  json["devices"] = nlohmann::ordered_json::array();
  for (const auto& d : s.devices)
    json["devices"].push_back({{"name", d.name}, {"port_reads", d.port_reads}, {"port_writes", d.port_writes}, {"mmio_reads", d.mmio_reads},
                               {"mmio_writes", d.mmio_writes}});
  json["phases"] = nlohmann::ordered_json::array();
  for (const auto& p : s.phases)
    json["phases"].push_back({{"value", p.value}, {"name", p.name}, {"start", p.start}, {"duration", p.duration}, {"exits", p.exits}, {"cycles", object(p.cycles)}});
  json["cycles"] = object(s.cycles);
  json["unimplemented"] = object(s.unimplemented);
  json["counters"] = object(s.counters);
  json["memory"] = to_json(s.memory);
  json["exits"] = to_json(s.exits);
  return json;
}

}  // namespace ringside::traces
