// A table of results: columns with a name each, rows of cells; printed aligned for people or as JSON for programs
// (an array of objects, one per row). Everything that prints a table uses it, so that --json is everywhere the same.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

namespace ringside::cli {

enum class Align : uint8_t { kLeft, kRight };

struct Column {
  std::string title;            // heading for people
  std::string key;              // member name in JSON; "" : not in JSON
  Align align = Align::kRight;
};

// What people see, and the value programs get.
struct Cell {
  std::string text;
  nlohmann::ordered_json value;
};
Cell text_cell(std::string text);
Cell number_cell(uint64_t value);              // grouped: 1,234,567
Cell real_cell(double value, int decimals);

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row);  // as many cells as columns
  void print(std::ostream& out) const;
  nlohmann::ordered_json json() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace ringside::cli
