#include "traces/schema/walk_reference.h"

#include <fmt/format.h>

#include <iterator>

namespace ringside::traces {

std::string references_text(std::span<const WalkReference> references) {
  std::string text;
  const auto to = std::back_inserter(text);
  for (const WalkReference& r : references) {
    const auto table = static_cast<size_t>(r.table);
    fmt::format_to(to, "{}{}{}", text.empty() ? "" : "; ", table < kWalkTableNames.size() ? kWalkTableNames[table] : "unknown", r.level);
    if (r.table == WalkTable::kNested) fmt::format_to(to, "/{}", r.serves);
    fmt::format_to(to, "@{:#x}={:#x}{}{}", r.address, r.entry, r.set_accessed ? "+A" : "", r.set_dirty ? "+D" : "");
  }
  return text;
}

}  // namespace ringside::traces
