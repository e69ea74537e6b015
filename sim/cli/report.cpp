#include "sim/cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "sim/quantities.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

using vmm::RunTotals;

void line(std::ostream& out, std::string_view key, const std::string& value) { out << fmt::format("  {:<13} {}\n", text::tr(key), value); }

// Name of an exit cause by its index in ExitCause.
template <size_t... I>
std::string_view cause_name(size_t index, std::index_sequence<I...>) {
  std::string_view name;
  ((I == index ? void(name = vmm::name_of(vmm::ExitCause(std::in_place_index<I>))) : void()), ...);
  return name;
}
std::string_view cause_name(size_t index) { return cause_name(index, std::make_index_sequence<vmm::kExitCauses>{}); }

std::string exits_text(const RunTotals& totals) {
  std::string text = sim::grouped(totals.exits);
  std::string_view separator = " (";
  for (size_t i = 0; i < totals.exits_by_cause.size(); ++i) {
    if (!totals.exits_by_cause[i]) continue;
    text += fmt::format("{}{} {}", separator, cause_name(i), sim::grouped(totals.exits_by_cause[i]));
    separator = ", ";
  }
  return totals.exits ? text + ")" : text;
}

// The categories of detailed mode, largest first, with their shares.
void print_cycles(std::ostream& out, const sim::RunReport& report) {
  auto rows = report.cycles;
  std::erase_if(rows, [](const auto& row) { return row.second == 0; });
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) { return a.second > b.second; });
  uint64_t total = 0;
  for (const auto& row : rows) total += row.second;
  line(out, "cli.report.cycles", text::tr("cli.report.cycles_text", sim::grouped(total), report.cost_profile));
  for (const auto& [name, cycles] : rows)
    out << fmt::format("    {:<26} {:>18} {:5.1f} %\n", name, sim::grouped(cycles), 100.0 * static_cast<double>(cycles) / static_cast<double>(total));
}

std::string time_text(const sim::RunReport& report) {
  return sim::duration_text(std::chrono::nanoseconds(report.time.value));  // both clocks tick in ns
}

}  // namespace

void print_report(std::ostream& out, const sim::Run& run, const sim::RunReport& report) {
  const RunTotals& totals = report.outcome.totals;
  out << vmm::sentence(report.outcome) << '\n';
  out << vmm::post_mortem_text(report.outcome);
  line(out, "cli.report.guest", report.guest);
  line(out, "cli.report.run", fmt::format("{} / {} / {}, {}", run.machine, run.technique, run.paging, sim::size_text(run.memory)));
  if (run.technique == "hw" && run.machine == "model")
    line(out, "cli.report.monitor", text::tr(run.timing.host == vmm::HostKind::kType1 ? "cli.report.type1" : "cli.report.type2"));
  if (totals.instructions)
    line(out, "cli.report.instructions", fmt::format("{} ({:.0f} MIPS)", sim::grouped(totals.instructions), report.mips()));
  line(out, "cli.report.guest_time", time_text(report));
  if (!report.cycles.empty()) print_cycles(out, report);
  line(out, "cli.report.wall_time", sim::duration_text(totals.wall_time));
  line(out, "cli.report.exits", exits_text(totals));
  line(out, "cli.report.console", text::tr("cli.report.bytes", sim::grouped(report.console_bytes)));
  if (!run.trace_file.empty())
    line(out, "cli.report.trace",
         text::tr("cli.report.trace_text", run.trace_file, sim::grouped(report.trace_events), sim::grouped(report.trace_bytes)));
  for (const auto& note : report.notes) line(out, "cli.report.note", note);
}

nlohmann::ordered_json report_json(const sim::Run& run, const sim::RunReport& report) {
  const RunTotals& totals = report.outcome.totals;
  nlohmann::ordered_json exits;
  for (size_t i = 0; i < totals.exits_by_cause.size(); ++i)
    if (totals.exits_by_cause[i]) exits[std::string(cause_name(i))] = totals.exits_by_cause[i];
  auto cycles = nlohmann::ordered_json::object();
  for (const auto& [name, value] : report.cycles) cycles[std::string(name)] = value;
  nlohmann::ordered_json json = {
      {"machine", run.machine},
      {"technique", run.technique},
      {"paging", run.paging},
      {"memory_bytes", run.memory},
      {"guest", report.guest},
      {"end", vmm::name_of(report.outcome.end)},
      {"sentence", vmm::sentence(report.outcome)},
      {"exit_code", static_cast<int>(vmm::exit_code(report.outcome))},
      {"exit_value", report.outcome.exit_value},
      {"instructions", totals.instructions},
      {"mips", report.mips()},
      {"guest_time_ns", report.time.value},
      {"wall_time_ns", totals.wall_time.count()},
      {"cost_profile", report.cost_profile},
      {"cycles", cycles},
      {"exits", totals.exits},
      {"entries", totals.entries},
      {"exits_by_cause", exits},
      {"console_bytes", report.console_bytes},
      {"trace_file", run.trace_file},
      {"trace_events", report.trace_events},
      {"trace_bytes", report.trace_bytes},
      {"notes", report.notes},
  };
  if (report.outcome.post_mortem) json["post_mortem"] = vmm::post_mortem_text(report.outcome);
  return json;
}

}  // namespace ringside::cli
