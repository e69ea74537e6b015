// JSON lines: one object per event, with the names of the schema. For jq, pandas, scripts.
#include "traces/export/exporter.h"
#include "traces/export/values.h"

namespace ringside::traces {
namespace {

class JsonLinesExporter final : public Exporter {
 public:
  std::string_view name() const override { return "jsonl"; }
  std::string_view extension() const override { return "jsonl"; }
  std::string_view sentence() const override { return "JSON lines: one object per event, for jq, pandas and scripts."; }

  VisitResult write(const Reader& reader, const ExportOptions& options, TextSink& out) const override {
    std::string line;
    return reader.visit(
        [&](const auto& event) {
          visit_fields(event, [&](std::string_view kind, uint64_t time, uint32_t vcpu, auto&& each) {
            if (!options.only.empty() && options.only != kind) return;
            line = fmt::format("{{\"time\":{},\"vcpu\":{},\"event\":{}", time, vcpu, json_string(kind));
            each([&](std::string_view field, Unit unit, const std::string& value) {
              line += ',';
              line += json_string(field);
              line += ':';
              line += is_json_number(unit) ? value : json_string(value);
            });
            line += "}\n";
            out.put(line);
          });
          return !out.failed();
        },
        options.range);
  }
};

}  // namespace

const Exporter& json_lines_exporter() {
  static const JsonLinesExporter exporter;
  return exporter;
}

}  // namespace ringside::traces
