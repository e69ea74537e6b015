#include "traces/query/memory_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "traces/base/text.h"

namespace ringside::traces {
namespace {

using Counters = std::vector<std::pair<std::string, uint64_t>>;

uint64_t value_of(const Counters& counters, std::string_view name) {
  const auto at = std::ranges::find(counters, name, [](const auto& counter) -> std::string_view { return counter.first; });
  return at == counters.end() ? 0 : at->second;
}

WalkStats walks_of(const Counters& counters, std::string_view name) {
  return {std::string(name), value_of(counters, fmt::format("page_walks_{}", name)), value_of(counters, fmt::format("page_walk_references_{}", name))};
}

template <class Names>
std::vector<WalkStats> occurring(const Counters& counters, const Names& names) {
  std::vector<WalkStats> all;
  for (const auto name : names)
    if (WalkStats stats = walks_of(counters, name); stats.walks) all.push_back(std::move(stats));
  return all;
}

void add_tlbs(MemoryStats& stats, const Counters& counters) {
  const uint64_t data = value_of(counters, "l1_data_tlb_misses"), fetch = value_of(counters, "l1_fetch_tlb_misses"), hits = value_of(counters, "l2_tlb_hits");
  // A trace is not to be believed: it may claim more hits than there were misses.
  stats.misses = data + fetch > hits ? data + fetch - hits : 0;
  for (const TlbStats& tlb : {TlbStats{"L1 data", value_of(counters, "data_accesses"), data}, TlbStats{"L1 fetch", value_of(counters, "fetch_accesses"), fetch},
                              TlbStats{"L2", data + fetch, stats.misses}})
    if (tlb.accesses) stats.tlbs.push_back(tlb);
}

nlohmann::ordered_json walks_json(const std::vector<WalkStats>& all) {
  auto json = nlohmann::ordered_json::object();
  for (const WalkStats& w : all) json[w.name] = {{"walks", w.walks}, {"references", w.references}, {"references_per_walk", w.references_per_walk()}};
  return json;
}

void add_walks(std::string& out, const WalkStats& w, std::string_view name) {
  fmt::format_to(std::back_inserter(out), "  {:<22} {:>14} {:>14} {:>8.2f}\n", name, w.walks, w.references, w.references_per_walk());
}

}  // namespace

MemoryStats MemoryStatsBuilder::finish(const Counters& counters) const {
  MemoryStats stats;
  add_tlbs(stats, counters);
  stats.all = {"all", value_of(counters, "page_walks"), value_of(counters, "page_walk_references")};
  stats.modes = occurring(counters, kWalkModeNames);
  stats.kinds = occurring(counters, kAccessKindNames);
  stats.table_bytes = value_of(counters, "monitor_table_bytes");
  stats.most_table_bytes = value_of(counters, "monitor_table_bytes_most");
  for (size_t i = 0; i < operations_.size(); ++i)
    if (operations_[i]) stats.operations.emplace_back(kPagingOperationNames[i], operations_[i]);
  for (size_t i = 0; i < lengths_.size(); ++i)
    if (lengths_[i]) stats.lengths.emplace_back(static_cast<unsigned>(i), lengths_[i]);
  return stats;
}

std::string to_text(const MemoryStats& s) {
  if (s.empty()) return {};
  std::string out = '\n' + text::tr("traces.memory.title") + '\n';
  const auto to = std::back_inserter(out);
  for (const TlbStats& tlb : s.tlbs)
    fmt::format_to(to, "  {:<22} {:>14} {:>14} {:>7.3f}%\n", text::tr("traces.memory.tlb", tlb.name), tlb.accesses, tlb.misses, 100 * tlb.miss_rate());
  out += text::tr("traces.memory.walks") + '\n';
  for (const WalkStats& w : s.modes) add_walks(out, w, w.name);
  for (const WalkStats& w : s.kinds) add_walks(out, w, w.name);
  add_walks(out, s.all, text::tr("traces.memory.all"));
  out += "  " + text::tr("traces.memory.references_per_miss", s.references_per_miss()) + '\n';
  if (s.most_table_bytes) out += "  " + text::tr("traces.memory.tables", s.table_bytes / 1024, s.most_table_bytes / 1024) + '\n';
  if (!s.operations.empty()) {
    out += text::tr("traces.memory.operations") + '\n';
    for (const auto& [name, count] : s.operations) fmt::format_to(to, "  {:<22} {:>14}\n", name, count);
  }
  if (!s.lengths.empty()) {
    out += text::tr("traces.memory.lengths") + '\n';
    for (const auto& [references, count] : s.lengths) fmt::format_to(to, "  {:<22} {:>14}\n", references, count);
  }
  return out;
}

nlohmann::ordered_json to_json(const MemoryStats& s) {
  nlohmann::ordered_json json;
  json["tlbs"] = nlohmann::ordered_json::array();
  for (const TlbStats& tlb : s.tlbs) json["tlbs"].push_back({{"name", tlb.name}, {"accesses", tlb.accesses}, {"misses", tlb.misses}, {"miss_rate", tlb.miss_rate()}});
  json["walks"] = s.all.walks;
  json["references"] = s.all.references;
  json["misses"] = s.misses;
  json["references_per_miss"] = s.references_per_miss();
  json["by_mode"] = walks_json(s.modes);
  json["by_kind"] = walks_json(s.kinds);
  json["table_bytes"] = s.table_bytes;
  json["most_table_bytes"] = s.most_table_bytes;
  json["operations"] = nlohmann::ordered_json::object();
  for (const auto& [name, count] : s.operations) json["operations"][name] = count;
  json["walk_lengths"] = nlohmann::ordered_json::array();
  for (const auto& [references, count] : s.lengths) json["walk_lengths"].push_back({{"references", references}, {"walks", count}});
  return json;
}

}  // namespace ringside::traces
