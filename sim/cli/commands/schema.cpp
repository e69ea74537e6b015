// `ringside schema`: the reference of the trace schema, generated from the schema itself.
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/command.h"
#include "traces/base/text.h"
#include "traces/schema/event_table.h"

namespace ringside::cli {
namespace {

nlohmann::ordered_json schema_json() {
  auto events = nlohmann::ordered_json::array();
  for (const auto& event : traces::event_table()) {
    auto fields = nlohmann::ordered_json::array();
    for (const auto& field : event.fields) {
      nlohmann::ordered_json object = {
          {"name", field.name}, {"unit", traces::kUnitNames[static_cast<size_t>(field.unit)]}, {"text", field.text}};
      if (!field.names.empty()) object["values"] = std::vector<std::string>(field.names.begin(), field.names.end());
      fields.push_back(object);
    }
    events.push_back({{"name", event.name}, {"text", event.text}, {"fields", fields}});
  }
  return events;
}

class SchemaCommand final : public Command {
 public:
  std::string_view name() const override { return "schema"; }
  std::string summary() const override { return text::tr("cli.schema.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_flag("--json", json_, text::tr("cli.schema.json"));
    parser.footer(text::tr("cli.schema.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    if (json_) context.out << schema_json().dump(2) << '\n';
    else context.out << traces::schema_markdown();
    return ExitCode::kOk;
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_schema_command() { return std::make_unique<SchemaCommand>(); }

}  // namespace ringside::cli
