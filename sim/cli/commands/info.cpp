// `ringside info TRACE`: what a trace's header and index say without reading its events: the run, the clock, the state of the file.
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/event_text.h"
#include "sim/cli/progress.h"
#include "sim/cli/table.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

class InfoCommand final : public Command {
 public:
  std::string_view name() const override { return "info"; }
  std::string summary() const override { return text::tr("cli.info.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("trace", trace_, text::tr("cli.trace"))->required()->type_name("TRACE");
    parser.add_flag("--verify", verify_, text::tr("cli.info.verify"));
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("cli.info.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(trace_));
    if (verify_) {
      const Progress progress(text::tr("cli.reading", trace_));
      reader.verify();
    }
    const std::vector<FieldText> fields = facts(reader);
    if (json_) {
      nlohmann::ordered_json object;
      for (const auto& field : fields) object[field.name] = field.value;
      context.out << object.dump(2) << '\n';
    } else {
      Table table({{"", "name", Align::kLeft}, {"", "value", Align::kLeft}});
      for (const auto& field : fields) table.add({text_cell(field.name), text_cell(field.text)});
      table.print(context.out);
    }
    if (verify_ && reader.damaged_chunks()) return fail(ExitCode::kInput, text::tr("cli.damaged_chunks", reader.damaged_chunks(), trace_));
    return ExitCode::kOk;
  }

 private:
  std::vector<FieldText> facts(const traces::Reader& reader) const {
    const auto count = [](std::string name, uint64_t value) { return FieldText{std::move(name), std::to_string(value), value}; };
    const auto& clock = reader.clock();
    const std::string unit(traces::kClockUnitNames[static_cast<size_t>(clock.unit)]);
    std::vector<FieldText> fields = {
        {"file", trace_, trace_},
        {"clock", unit, unit},
        count("ticks_per_second", clock.ticks_per_second),
        {"complete", reader.complete() ? "yes" : text::tr("cli.info.incomplete"), reader.complete()},
        count("file_bytes", reader.file_size()),
        count("events", reader.event_count()),
        count("chunks", reader.chunks().size()),
        count("damaged_chunks", reader.damaged_chunks()),
        count("torn_bytes", reader.torn_bytes()),
    };
    if (!reader.chunks().empty()) {
      fields.push_back(count("first_time", reader.chunks().front().min_time));
      fields.push_back(count("last_time", reader.chunks().back().max_time));
    }
    if (reader.run())
      for (auto& field : cli::describe(*reader.run()).fields) fields.push_back(std::move(field));
    return fields;
  }

  std::string trace_;
  bool verify_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_info_command() { return std::make_unique<InfoCommand>(); }

}  // namespace ringside::cli
