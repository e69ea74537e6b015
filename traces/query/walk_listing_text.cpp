// A walk's listing as text: alone, with what each entry means; or several side by side, the rows of a level aligned.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "traces/query/walk_listing.h"

namespace ringside::traces {
namespace {

constexpr unsigned kMaxLevel = 7;  // the largest section a record can hold

std::string number_of(const WalkRow& row) { return row.number ? fmt::format("{:>2}", row.number) : " -"; }

// A cell of the side-by-side form, without what the entry means.
std::string cell(const WalkRow& row) {
  if (row.kind == WalkRow::Kind::kCache) return fmt::format("{} {}", number_of(row), row.meaning);
  return fmt::format("{} {:<8} {} = {}", number_of(row), row.what, row.address, row.entry);
}

std::vector<std::string> cells_of(const WalkListing& listing, unsigned section) {
  std::vector<std::string> cells;
  for (const WalkRow& row : listing.rows)
    if (row.section == section) cells.push_back(cell(row));
  return cells;
}

void add_line(std::string& out, const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += fmt::format("{}{:<{}}", i ? " | " : "", cells[i], widths[i]);
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

}  // namespace

std::string to_text(const WalkListing& listing) {
  std::string out = listing.title + '\n';
  const auto to = std::back_inserter(out);
  for (const WalkRow& row : listing.rows) {
    if (row.kind == WalkRow::Kind::kCache) fmt::format_to(to, "  {}  {}\n", number_of(row), row.meaning);
    else fmt::format_to(to, "  {}  {:<9} {:<14} {:<18}  {}\n", number_of(row), row.what, row.address, row.entry, row.meaning);
  }
  for (const std::string& sentence : listing.summary) fmt::format_to(to, "  {}\n", sentence);
  return out;
}

std::string side_by_side(std::span<const WalkListing> listings) {
  std::vector<std::vector<std::string>> lines;  // each with a cell for every listing
  const auto add_block = [&](const std::vector<std::vector<std::string>>& columns, bool bottom) {
    size_t height = 0;
    for (const auto& column : columns) height = std::max(height, column.size());
    for (size_t row = 0; row < height; ++row) {
      std::vector<std::string> line;
      for (const auto& column : columns) {
        const size_t missing = bottom ? height - column.size() : 0;
        line.push_back(row < missing || row - missing >= column.size() ? "" : column[row - missing]);
      }
      lines.push_back(std::move(line));
    }
  };
  const auto block_of = [&](auto&& column_of) {
    std::vector<std::vector<std::string>> columns;
    for (const WalkListing& listing : listings) columns.push_back(column_of(listing));
    return columns;
  };
  add_block(block_of([](const WalkListing& l) { return std::vector<std::string>{l.title}; }), false);
  // The entries of a level stand in one line: what it took to find them is above.
  for (unsigned section = kMaxLevel + 1; section-- > 0;) add_block(block_of([&](const WalkListing& l) { return cells_of(l, section); }), section != 0);
  add_block(block_of([](const WalkListing& l) { return l.summary; }), false);
  std::vector<size_t> widths(listings.size(), 0);
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string out;
  for (const auto& line : lines) add_line(out, line, widths);
  return out;
}

}  // namespace ringside::traces
