// `ringside compare`: one workload, several ways to run it, one table: time per operation, ratio to native, exits per operation and their causes.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/table.h"
#include "sim/comparison/measure.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

constexpr unsigned kMostRepeats = 100;
constexpr Choice<vmm::HostKind> kHosts[] = {{"type1", vmm::HostKind::kType1}, {"type2", vmm::HostKind::kType2}};

// "IO_INSTRUCTION 1.00, PAGE_FAULT 0.02": the most frequent first.
std::string causes_text(const sim::Measured& measured) {
  constexpr size_t kShown = 4;
  std::vector<std::pair<traces::ExitReason, double>> causes(measured.by_cause.begin(), measured.by_cause.end());
  std::ranges::stable_sort(causes, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < std::min(kShown, causes.size()); ++i)
    text += fmt::format("{}{} {:.2f}", i ? ", " : "", traces::name_of(causes[i].first), causes[i].second);
  return text;
}

class CompareCommand final : public Command {
 public:
  std::string_view name() const override { return "compare"; }
  std::string summary() const override { return text::tr("cli.compare.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("workload", workload_, text::tr("cli.compare.workload"))->required()->type_name("WORKLOAD");
    parser.add_option("--subject", subjects_, text::tr("cli.compare.subject"))->type_name("MACHINE/TECHNIQUE[/PAGING[/ISA]]")->delimiter(',');
    parser.add_option("--machine", machine_, text::tr("cli.compare.machine"))->type_name("model|kvm");
    parser.add_option("--repeats", options_.repeats, text::tr("cli.compare.repeats"))->type_name("N")->capture_default_str()->check(CLI::Range(1u, kMostRepeats));
    parser.add_option("-n,--count", options_.count, text::tr("cli.compare.count"))->type_name("N")->check(CLI::Range(uint64_t{0}, uint64_t{1} << 32));
    parser.add_option("--cost-profile", profile_, text::tr("cli.compare.profile"))->type_name("NAME|FILE")->capture_default_str();
    parser.add_option("--host", host_, text::tr("cli.compare.host"))->type_name(choice_names<vmm::HostKind>(kHosts, "|"))->capture_default_str();
    parser.add_option("-k,--kernel", options_.kernel, text::tr("cli.compare.kernel"))->type_name("FILE");
    parser.add_option("--pv-kernel", options_.pv_kernel, text::tr("cli.compare.pv_kernel"))->type_name("FILE");
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("cli.compare.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    const sim::WorkloadFacts workload = BOOST_OUTCOME_TRYX(sim::find_workload(workload_));
    options_.profile = BOOST_OUTCOME_TRYX(hw::load_cost_profile(profile_));
    BOOST_OUTCOME_TRYV(parse_choice<vmm::HostKind>(options_.host, "--host", host_, kHosts));
    const std::vector<sim::Subject> subjects = BOOST_OUTCOME_TRYX(chosen());
    std::vector<sim::Measured> all;
    {
      const Progress progress(text::tr("cli.compare.running", workload.name));
      for (const sim::Subject& subject : subjects) all.push_back(BOOST_OUTCOME_TRYX(sim::measure(subject, workload, options_)));
    }
    print(context, workload, subjects, all);
    const bool any = std::ranges::any_of(all, [](const sim::Measured& m) { return m.reason.empty(); });
    return any ? ExitCode::kOk : ExitCode::kGuestFailed;
  }

 private:
  Result<std::vector<sim::Subject>> chosen() const {
    std::vector<sim::Subject> subjects;
    for (const std::string& text : subjects_) subjects.push_back(BOOST_OUTCOME_TRYX(sim::parse_subject(text)));
    if (!subjects.empty()) return subjects;
    for (const sim::Subject& subject : sim::all_subjects())
      if (machine_.empty() || subject.machine == machine_) subjects.push_back(subject);
    if (subjects.empty()) return fail(ExitCode::kUsage, text::tr("sim.compare.no_machine", machine_));
    return subjects;
  }

  // Of native on the same machine; 0 where it was not measured.
  static double native_median(const sim::Subject& subject, const std::vector<sim::Subject>& subjects, const std::vector<sim::Measured>& all) {
    for (size_t i = 0; i < subjects.size(); ++i)
      if (subjects[i].machine == subject.machine && subjects[i].technique == "native" && all[i].reason.empty()) return all[i].median;
    return 0;
  }

  void print(Context& context, const sim::WorkloadFacts& workload, const std::vector<sim::Subject>& subjects, const std::vector<sim::Measured>& all) const {
    Table table({{text::tr("cli.compare.title.subject"), "subject", Align::kLeft},
                 {text::tr("cli.compare.title.time"), "median"},
                 {text::tr("cli.compare.title.unit"), "unit", Align::kLeft},
                 {text::tr("cli.compare.title.low"), "low"},
                 {text::tr("cli.compare.title.high"), "high"},
                 {text::tr("cli.compare.title.ratio"), "ratio_to_native"},
                 {text::tr("cli.compare.title.exits"), "exits"},
                 {text::tr("cli.compare.title.causes"), "causes", Align::kLeft}});
    for (size_t i = 0; i < subjects.size(); ++i) {
      const sim::Measured& m = all[i];
      const double native = native_median(subjects[i], subjects, all);
      const auto real = [&](double value, int decimals) { return m.reason.empty() ? real_cell(value, decimals) : text_cell("-"); };
      table.add({text_cell(sim::to_text(subjects[i])), real(m.median, 1), text_cell(std::string(m.unit)), real(m.low, 1), real(m.high, 1),
                 native > 0 && m.reason.empty() ? real_cell(m.median / native, 2) : text_cell("-"), real(m.exits, 2),
                 text_cell(m.reason.empty() ? causes_text(m) : m.reason)});
    }
    if (json_) {
      context.out << nlohmann::ordered_json{{"workload", workload.name}, {"profile", options_.profile.name}, {"rows", table.json()}}.dump(2) << '\n';
      return;
    }
    context.out << text::tr("cli.compare.head", workload.name, text::tr(workload.meaning), options_.profile.name) << "\n\n";
    table.print(context.out);
  }

  std::string workload_, machine_, host_ = "type1", profile_{hw::kDefaultCostProfile};
  std::vector<std::string> subjects_;
  sim::MeasureOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_compare_command() { return std::make_unique<CompareCommand>(); }

}  // namespace ringside::cli
