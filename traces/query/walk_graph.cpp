#include "traces/query/walk_graph.h"

#include <fmt/format.h>

#include <iterator>

namespace ringside::traces {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else out += c;
  }
  return out + '"';
}

std::string_view fill_of(WalkRow::Kind kind) {
  switch (kind) {
    case WalkRow::Kind::kGuest: return "#cfe3f7";
    case WalkRow::Kind::kShadow: return "#d8f0d2";
    case WalkRow::Kind::kNested: return "#fbe3c4";
    case WalkRow::Kind::kCache: return "#eeeeee";
  }
  return "#ffffff";
}

std::string label_of(const WalkRow& row) {
  if (row.kind == WalkRow::Kind::kCache) return row.meaning;
  return fmt::format("{}. {}\n{}\n{}\n{}", row.number, row.what, row.address, row.entry, row.meaning);
}

// The row after the last is the verdict, in a column of its own.
bool begins_column(const WalkListing& listing, size_t row) {
  return row == 0 || row == listing.rows.size() || listing.rows[row].section != listing.rows[row - 1].section;
}

// Rows of one section form a column; an edge from one column to the next does not push it down.
void add_walk(std::string& out, const WalkListing& listing, size_t number) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "  subgraph cluster_{} {{\n    label={};\n    labeljust=l;\n    color=\"#999999\";\n", number, quoted(listing.title));
  const auto name = [&](size_t row) { return fmt::format("w{}_{}", number, row); };
  for (size_t i = 0; i < listing.rows.size(); ++i) {
    const WalkRow& row = listing.rows[i];
    fmt::format_to(to, "    {} [group=w{}_{}, label={}, fillcolor=\"{}\"{}];\n", name(i), number, row.section, quoted(label_of(row)), fill_of(row.kind),
                   row.kind == WalkRow::Kind::kCache ? ", style=\"filled,dashed\"" : "");
  }
  std::string end;
  for (const std::string& sentence : listing.summary) end += (end.empty() ? "" : "\n") + sentence;
  const size_t last = listing.rows.size();
  fmt::format_to(to, "    {} [label={}, shape=note, fillcolor=\"#ffffff\"];\n", name(last), quoted(end));
  for (size_t i = 1; i <= last; ++i) {
    fmt::format_to(to, "    {} -> {}{};\n", name(i - 1), name(i), begins_column(listing, i) ? " [constraint=false, tailport=e, headport=w]" : "");
  }
  // The tops of the columns in one line, from left to right.
  std::string tops;
  for (size_t i = 0; i <= last; ++i)
    if (begins_column(listing, i)) tops += (tops.empty() ? "" : " -> ") + name(i);
  fmt::format_to(to, "    {{ rank=same; {}{}; }}\n  }}\n", tops, last ? " [style=invis]" : "");
}

// The last row of the highest column: what is drawn below a walk hangs on it.
size_t lowest_row(const WalkListing& listing) {
  size_t lowest = 0, height = 0, highest = 0;
  for (size_t i = 0; i < listing.rows.size(); ++i) {
    height = begins_column(listing, i) ? 1 : height + 1;
    if (height > highest) highest = height, lowest = i;
  }
  return lowest;
}

}  // namespace

std::string to_dot(std::span<const WalkListing> listings) {
  std::string out = "digraph walk {\n  newrank=false;\n  rankdir=TB;\n  nodesep=0.6;\n  splines=line;\n  node [shape=box, style=filled, fontname=\"monospace\", fontsize=10];\n";
  for (size_t i = 0; i < listings.size(); ++i) add_walk(out, listings[i], i);
  // One below the other.
  for (size_t i = 1; i < listings.size(); ++i)
    fmt::format_to(std::back_inserter(out), "  w{}_{} -> w{}_0 [style=invis];\n", i - 1, lowest_row(listings[i - 1]), i);
  return out + "}\n";
}

}  // namespace ringside::traces
