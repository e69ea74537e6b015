#include "traces/query/walk_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces/base/text.h"
#include "traces/query/walk_entry.h"

namespace ringside::traces {
namespace {

// Goes through a walk's references and notices where one is missing: there a cache knew the answer.
class Lister {
 public:
  Lister(const Walk& walk, WalkListing& out) : walk_(walk), out_(out) {}

  void run() {
    if (walk_.cached_levels) skipped_levels();
    else if (walk_.mode == WalkMode::kAgile && !walk_.steps.empty() && walk_.steps[0].table == WalkTable::kGuest) cache_row(walk_.steps[0].level, "switched_root");
    for (const WalkReference& step : walk_.steps) {
      if (step.table == WalkTable::kNested) note_nested(step);
      else note_table(step);
      add(step);
      before_ = &step;
    }
  }

 private:
  void cache_row(unsigned section, std::string_view key) {
    out_.rows.push_back({.kind = WalkRow::Kind::kCache, .section = section, .meaning = text::tr(fmt::format("traces.walk.{}", key))});
  }
  // A walk cache knew an inner table: the walk begins there.
  void skipped_levels() {
    const WalkReference* first = walk_.steps.empty() ? nullptr : &walk_.steps[0];
    const unsigned level = !first ? 0 : first->table == WalkTable::kNested ? first->serves : first->level;
    for (unsigned skipped = level + walk_.cached_levels; skipped > level; --skipped) cache_row(skipped, "walk_cache");
    place_known_ = true;
  }
  // The first of a nested walk: below the top, a walk cache knew the table.
  void note_nested(const WalkReference& step) {
    const bool begins = !before_ || before_->table != WalkTable::kNested || before_->serves != step.serves;
    if (begins && step.level < nested_top()) cache_row(step.serves, "nested_walk_cache");
    place_known_ = true;
  }
  // A guest table that no nested walk located: the nested TLB knew its place, or the entry above gave the machine's address.
  void note_table(const WalkReference& step) {
    const bool two_dimensions = step.table == WalkTable::kGuest && (walk_.mode == WalkMode::kNested || walk_.mode == WalkMode::kAgile);
    const bool switched = (before_ && before_->table == WalkTable::kShadow) || (!before_ && walk_.mode == WalkMode::kAgile);
    if (two_dimensions && !place_known_ && !switched) cache_row(step.level, "nested_tlb");
    place_known_ = false;
  }
  unsigned nested_top() const {
    unsigned top = 4;
    for (const WalkReference& step : walk_.steps)
      if (step.table == WalkTable::kNested) top = std::max<unsigned>(top, step.level);
    return top;
  }
  void add(const WalkReference& step) {
    const bool nested = step.table == WalkTable::kNested;
    WalkRow row{.kind = nested                              ? WalkRow::Kind::kNested
                        : step.table == WalkTable::kShadow ? WalkRow::Kind::kShadow
                                                           : WalkRow::Kind::kGuest,
                .number = ++number_,
                .section = nested ? step.serves : step.level,
                .what = fmt::format("{} {}", kWalkTableNames[static_cast<size_t>(step.table)], step.level),
                .address = fmt::format("{:#x}", step.address),
                .entry = fmt::format("{:#x}", step.entry),
                .meaning = entry_meaning(step)};
    out_.rows.push_back(std::move(row));
  }

  const Walk& walk_;
  WalkListing& out_;
  const WalkReference* before_ = nullptr;
  bool place_known_ = false;
  unsigned number_ = 0;
};

std::string size_name(unsigned shift) {
  return shift >= 30 ? fmt::format("{} GiB", 1u << (shift - 30)) : shift >= 20 ? fmt::format("{} MiB", 1u << (shift - 20)) : fmt::format("{} KiB", 1u << (shift - 10));
}

std::string outcome_sentence(const Walk& walk) {
  switch (walk.outcome) {
    case WalkOutcome::kTranslated:
      return text::tr("traces.walk.translated", fmt::format("{:#x}", walk.physical), size_name(walk.page_shift));
    case WalkOutcome::kPageFault: return text::tr("traces.walk.page_fault", fmt::format("{:#x}", walk.error), error_meaning(walk.error));
    case WalkOutcome::kNestedViolation:
      return text::tr("traces.walk.violation", fmt::format("{:#x}", walk.guest_physical), fmt::format("{:#x}", walk.qualification));
    case WalkOutcome::kNestedMisconfiguration: return text::tr("traces.walk.misconfiguration", fmt::format("{:#x}", walk.guest_physical));
  }
  return {};
}

void summarize(const Walk& walk, WalkListing& out) {
  const auto name = [](auto value) { return kEnumNames<decltype(value)>[static_cast<size_t>(value)]; };
  out.summary.push_back(text::tr("traces.walk.access", fmt::format("{:#x}", walk.linear), name(walk.kind), name(walk.role)));
  out.summary.push_back(text::tr("traces.walk.references", name(walk.mode), out.references));
  if (walk.cycles) out.summary.push_back(text::tr("traces.walk.cycles", walk.cycles));
  out.summary.push_back(outcome_sentence(walk));
  if (walk.outcome == WalkOutcome::kTranslated) out.summary.push_back(text::tr("traces.walk.permission", rights_meaning(walk.rights, walk.mode)));
}

}  // namespace

WalkListing list_walk(const Walk& walk, const std::string& title) {
  WalkListing out;
  out.title = title;
  out.mode = walk.mode;
  out.references = static_cast<unsigned>(walk.steps.size());
  Lister(walk, out).run();
  summarize(walk, out);
  return out;
}

nlohmann::ordered_json to_json(const WalkListing& listing) {
  nlohmann::ordered_json json = {{"title", listing.title},
                                 {"mode", kWalkModeNames[static_cast<size_t>(listing.mode)]},
                                 {"references", listing.references},
                                 {"summary", listing.summary},
                                 {"rows", nlohmann::ordered_json::array()}};
  for (const WalkRow& row : listing.rows) {
    if (row.kind == WalkRow::Kind::kCache) json["rows"].push_back({{"level", row.section}, {"cached", row.meaning}});
    else
      json["rows"].push_back({{"reference", row.number}, {"table", row.what}, {"level", row.section}, {"address", row.address}, {"entry", row.entry}, {"meaning", row.meaning}});
  }
  return json;
}

}  // namespace ringside::traces
