// `ringside export TRACE -o FILE`: a trace in a foreign format, chosen by --format or by the file's extension. The formats are
// those of traces/export; this file knows none of them.
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/table.h"
#include "sim/quantities.h"
#include "traces/base/text.h"
#include "traces/export/exporter.h"

namespace ringside::cli {
namespace {

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const traces::Exporter* exporter : traces::exporters()) names.emplace_back(exporter->name());
  return names;
}

class ExportCommand final : public Command {
 public:
  std::string_view name() const override { return "export"; }
  std::string summary() const override { return text::tr("cli.export.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("trace", trace_, text::tr("cli.trace"))->type_name("TRACE");
    parser.add_option("--format", format_, text::tr("cli.export.format"))->type_name(fmt::format("{}", fmt::join(format_names(), "|")));
    parser.add_option("-o,--output", output_, text::tr("cli.export.output"))->type_name("FILE");
    parser.add_option("--only", only_, text::tr("cli.export.only"))->type_name("KIND");
    parser.add_option("--first", first_, text::tr("cli.events.first"))->type_name("N");
    parser.add_option("--count", count_, text::tr("cli.events.count"))->type_name("N");
    parser.add_flag("--formats", list_, text::tr("cli.export.formats"));
    parser.add_flag("--json", json_, text::tr("cli.export.json"));
    parser.footer(text::tr("cli.export.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    if (list_) return list_formats(context.out);
    if (trace_.empty()) return fail(ExitCode::kUsage, text::tr("cli.export.no_trace"));
    const auto* exporter = BOOST_OUTCOME_TRYX(choose());
    traces::ExportOptions options;
    options.only = only_;
    if (!first_.empty()) options.range.first = BOOST_OUTCOME_TRYX(sim::parse_count(first_));
    if (!count_.empty()) options.range.count = BOOST_OUTCOME_TRYX(sim::parse_count(count_));
    const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(trace_));
    const Progress progress(text::tr("cli.reading", trace_));
    const auto visited = BOOST_OUTCOME_TRYX(traces::export_to(reader, *exporter, output_, options));
    if (visited.lost_events) context.err << text::tr("cli.lost_events", visited.lost_events, trace_) << '\n';
    return ExitCode::kOk;
  }

 private:
  Result<const traces::Exporter*> choose() const {
    if (!format_.empty()) {
      if (const auto* exporter = traces::find_exporter(format_)) return exporter;
      return bad_choice("--format", format_, format_names());
    }
    if (const auto* exporter = traces::exporter_for_path(output_)) return exporter;
    return fail(ExitCode::kUsage, text::tr("cli.export.no_format", output_, fmt::join(format_names(), ", ")));
  }

  Result<ExitCode> list_formats(std::ostream& out) const {
    Table table({{"format", "format", Align::kLeft}, {"extension", "extension", Align::kLeft}, {"what it is", "sentence", Align::kLeft}});
    for (const traces::Exporter* exporter : traces::exporters())
      table.add({text_cell(std::string(exporter->name())), text_cell(std::string(exporter->extension())),
                 text_cell(std::string(exporter->sentence()))});
    if (json_) out << table.json().dump(2) << '\n';
    else table.print(out);
    return ExitCode::kOk;
  }

  std::string trace_, format_, output_ = "-", only_, first_, count_;
  bool list_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace ringside::cli
