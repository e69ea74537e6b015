// `ringside stats TRACE`: what a trace holds, counted: exits in perf-kvm's columns, idle time apart, devices, faults, phases.
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "traces/base/text.h"
#include "traces/query/trace_summary.h"

namespace ringside::cli {
namespace {

constexpr Choice<traces::ExitSort> kSorts[] = {{"samples", traces::ExitSort::kSamples}, {"time", traces::ExitSort::kTime},
                                               {"mean", traces::ExitSort::kMean},       {"max", traces::ExitSort::kMax},
                                               {"name", traces::ExitSort::kName}};

class StatsCommand final : public Command {
 public:
  std::string_view name() const override { return "stats"; }
  std::string summary() const override { return text::tr("cli.stats.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("trace", trace_, text::tr("cli.trace"))->required()->type_name("TRACE");
    parser.add_option("--sort", sort_, text::tr("cli.stats.sort"))->type_name(choice_names<traces::ExitSort>(kSorts, "|"))->capture_default_str();
    parser.add_flag("--exits", exits_only_, text::tr("cli.stats.exits"));
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("cli.stats.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    auto sort = traces::ExitSort::kSamples;
    BOOST_OUTCOME_TRYV(parse_choice<traces::ExitSort>(sort, "--sort", sort_, kSorts));
    const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(trace_));
    const auto summary = [&] {
      const Progress progress(text::tr("cli.reading", trace_));
      return traces::summarize(reader, sort);
    }();
    if (json_) context.out << (exits_only_ ? to_json(summary.exits) : to_json(summary)).dump(2) << '\n';
    else context.out << (exits_only_ ? to_text(summary.exits) : to_text(summary));
    return ExitCode::kOk;
  }

 private:
  std::string trace_, sort_ = "samples";
  bool exits_only_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_stats_command() { return std::make_unique<StatsCommand>(); }

}  // namespace ringside::cli
