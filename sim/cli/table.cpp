#include "sim/cli/table.h"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

#include <ostream>

#include "sim/quantities.h"

namespace ringside::cli {
namespace {

// Columns a terminal gives the text: UTF-8 continuation bytes take none.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_cell(std::ostream& out, const std::string& text, size_t width, Align align, bool last) {
  const std::string padding(width - width_of(text), ' ');
  if (align == Align::kRight) out << padding << text;
  else out << text << (last ? "" : padding);
  out << (last ? "\n" : "  ");
}

}  // namespace

Cell text_cell(std::string text) {
  nlohmann::ordered_json value = text;
  return {std::move(text), std::move(value)};
}
Cell number_cell(uint64_t value) { return {sim::grouped(value), value}; }
Cell real_cell(double value, int decimals) { return {fmt::format("{:.{}f}", value, decimals), value}; }

void Table::add(std::vector<Cell> row) {
  assert(row.size() == columns_.size());
  rows_.push_back(std::move(row));
}

void Table::print(std::ostream& out) const {
  std::vector<size_t> width;
  for (size_t i = 0; i < columns_.size(); ++i) {
    width.push_back(width_of(columns_[i].title));
    for (const auto& row : rows_) width[i] = std::max(width[i], width_of(row[i].text));
  }
  const size_t last = columns_.size() - 1;
  const bool titled = std::any_of(columns_.begin(), columns_.end(), [](const Column& column) { return !column.title.empty(); });
  for (size_t i = 0; titled && i <= last; ++i) print_cell(out, columns_[i].title, width[i], columns_[i].align, i == last);
  for (const auto& row : rows_)
    for (size_t i = 0; i <= last; ++i) print_cell(out, row[i].text, width[i], columns_[i].align, i == last);
}

nlohmann::ordered_json Table::json() const {
  auto array = nlohmann::ordered_json::array();
  for (const auto& row : rows_) {
    nlohmann::ordered_json object;
    for (size_t i = 0; i < columns_.size(); ++i)
      if (!columns_[i].key.empty()) object[columns_[i].key] = row[i].value;
    array.push_back(object);
  }
  return array;
}

}  // namespace ringside::cli
