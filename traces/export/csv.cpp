// CSV as in RFC 4180: one row per event; a column per field name, empty where the event has no such field. With one kind
// of event chosen, only its columns.
#include <algorithm>

#include "traces/export/exporter.h"
#include "traces/export/values.h"

namespace ringside::traces {
namespace {

std::string cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted += '"';
}

// Field names in the order they appear in the file's schema.
std::vector<std::string> columns_of(const Reader& reader, const std::string& only) {
  std::vector<std::string> columns;
  const auto add = [&](std::string_view name) {
    if (std::ranges::find(columns, name) == columns.end()) columns.emplace_back(name);
  };
  for (const auto& event : reader.header().events) {
    if (!only.empty() && event.name != only) continue;
    for (const auto& field : event.fields) add(field.name);
    // An older file's event is shown as this version knows it.
    for (const auto& own : event_table())
      if (own.name == event.name)
        for (const auto& field : own.fields) add(field.name);
  }
  return columns;
}

class CsvExporter final : public Exporter {
 public:
  std::string_view name() const override { return "csv"; }
  std::string_view extension() const override { return "csv"; }
  std::string_view sentence() const override { return "CSV: one row per event, for spreadsheets and statistics programs."; }

  VisitResult write(const Reader& reader, const ExportOptions& options, TextSink& out) const override {
    const auto columns = columns_of(reader, options.only);
    out.put("time,vcpu,event");
    for (const auto& column : columns) out.print(",{}", cell(column));
    out.put("\r\n");
    std::vector<std::string> cells(columns.size());
    return reader.visit(
        [&](const auto& event) {
          visit_fields(event, [&](std::string_view kind, uint64_t time, uint32_t vcpu, auto&& each) {
            if (!options.only.empty() && options.only != kind) return;
            for (auto& text : cells) text.clear();
            each([&](std::string_view field, Unit, const std::string& value) {
              cells[static_cast<size_t>(std::ranges::find(columns, field) - columns.begin())] = cell(value);
            });
            out.print("{},{},{}", time, vcpu, cell(kind));
            for (const auto& text : cells) {
              out.put(",");
              out.put(text);
            }
            out.put("\r\n");
          });
          return !out.failed();
        },
        options.range);
  }
};

}  // namespace

const Exporter& csv_exporter() {
  static const CsvExporter exporter;
  return exporter;
}

}  // namespace ringside::traces
