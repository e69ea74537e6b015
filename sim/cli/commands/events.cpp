// `ringside events TRACE`: the events of a trace as text, one a line, filtered by kind, field, time and place in the file.
#include <algorithm>
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/event_text.h"
#include "sim/quantities.h"
#include "sim/suggest.h"
#include "traces/base/text.h"
#include "traces/read/cursor.h"
#include "traces/schema/event_table.h"

namespace ringside::cli {
namespace {

struct FieldFilter { std::string field, value; };

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& event : traces::event_table()) names.emplace_back(event.name);
  return names;
}

bool has_field(const traces::EventInfo& event, const std::string& name) {
  return std::any_of(event.fields.begin(), event.fields.end(), [&](const auto& field) { return field.name == name; });
}

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const auto& event : traces::event_table())
    for (const auto& field : event.fields) names.emplace_back(field.name);
  return names;
}

// A value as it is printed, without the quotes of texts; numbers match in decimal and hexadecimal.
bool matches(const FieldText& field, const std::string& value) {
  if (field.text == value || field.text == "\"" + value + "\"") return true;
  if (field.text.empty() && value.empty()) return true;
  if (!field.value.is_number_unsigned()) return false;
  const auto number = sim::parse_count(value);
  return number.has_value() && number.value() == field.value.get<uint64_t>();
}

bool matches(const EventText& event, const std::vector<FieldFilter>& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const FieldFilter& filter) {
    return std::any_of(event.fields.begin(), event.fields.end(),
                       [&](const FieldText& field) { return field.name == filter.field && matches(field, filter.value); });
  });
}

class EventsCommand final : public Command {
 public:
  std::string_view name() const override { return "events"; }
  std::string summary() const override { return text::tr("cli.events.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("trace", trace_, text::tr("cli.trace"))->required()->type_name("TRACE");
    parser.add_option("--kind", kinds_, text::tr("cli.events.kind"))->delimiter(',')->type_name(fmt::format("{}", fmt::join(kind_names(), "|")));
    parser.add_option("--where", where_, text::tr("cli.events.where"))->type_name("FIELD=VALUE");
    parser.add_option("--first", first_, text::tr("cli.events.first"))->type_name("N");
    parser.add_option("--count", count_, text::tr("cli.events.count"))->type_name("N");
    parser.add_option("--from", from_, text::tr("cli.events.from"))->type_name("TIME");
    parser.add_option("--to", to_, text::tr("cli.events.to"))->type_name("TIME");
    parser.add_flag("--json", json_, text::tr("cli.events.json"));
    parser.footer(text::tr("cli.events.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    BOOST_OUTCOME_TRY(check_kinds());
    const auto filters = BOOST_OUTCOME_TRYX(parse_filters());
    uint64_t first = 0, count = ~0ull, from = 0, to = ~0ull;
    if (!first_.empty()) first = BOOST_OUTCOME_TRYX(sim::parse_count(first_));
    if (!count_.empty()) count = BOOST_OUTCOME_TRYX(sim::parse_count(count_));
    if (!from_.empty()) from = BOOST_OUTCOME_TRYX(sim::parse_count(from_));
    if (!to_.empty()) to = BOOST_OUTCOME_TRYX(sim::parse_count(to_));
    const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(trace_));
    traces::Cursor cursor = from_.empty() ? reader.at(first) : reader.at_time(from);
    while (count && context.out && cursor.next()) {
      if (cursor.ordinal() < first) continue;
      const EventText event = cli::describe(cursor.event());
      if (event.time > to) break;
      if (!kinds_.empty() && std::find(kinds_.begin(), kinds_.end(), event.kind) == kinds_.end()) continue;
      if (!matches(event, filters)) continue;
      if (json_) context.out << json_of(cursor.ordinal(), event).dump() << '\n';
      else context.out << line_of(cursor.ordinal(), event) << '\n';
      --count;
    }
    if (reader.damaged_chunks()) context.err << text::tr("cli.damaged_chunks", reader.damaged_chunks(), trace_) << '\n';
    return ExitCode::kOk;
  }

 private:
  Result<void> check_kinds() const {
    const auto known = kind_names();
    for (const auto& kind : kinds_)
      if (std::find(known.begin(), known.end(), kind) == known.end())
        return bad_choice("--kind", kind, known);
    return success();
  }

  Result<std::vector<FieldFilter>> parse_filters() const {
    std::vector<FieldFilter> filters;
    for (const auto& where : where_) {
      const auto equals = where.find('=');
      if (equals == std::string::npos) return fail(ExitCode::kUsage, text::tr("cli.events.bad_where", where));
      const std::string field = where.substr(0, equals);
      const auto events = traces::event_table();
      if (std::none_of(events.begin(), events.end(), [&](const auto& event) { return has_field(event, field); }))
        return fail(ExitCode::kUsage, text::tr("cli.events.no_field", field, sim::suggestion(field, field_names())));
      filters.push_back({field, where.substr(equals + 1)});
    }
    return filters;
  }

  std::string trace_, first_, count_, from_, to_;
  std::vector<std::string> kinds_, where_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_events_command() { return std::make_unique<EventsCommand>(); }

}  // namespace ringside::cli
