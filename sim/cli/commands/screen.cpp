// `ringside screen`: runs a guest up to a bound and prints what it shows in VGA text mode: 80x25 characters.
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/run_options.h"
#include "sim/quantities.h"
#include "sim/runner.h"
#include "sim/screen.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

using namespace std::chrono_literals;

// Guests that draw a screen seldom end by themselves.
constexpr auto kDefaultTimeout = 20s;

bool bounded(const sim::Bounds& bounds) { return bounds.timeout || bounds.exits || bounds.instructions || bounds.marker; }

// Reaching a bound, or drawing and halting, is how a screen is meant to be taken.
ExitCode exit_code_of(const vmm::RunOutcome& outcome) {
  const ExitCode code = vmm::exit_code(outcome);
  return code == ExitCode::kLimit || outcome.end == vmm::RunEnd::kHaltedForever ? ExitCode::kOk : code;
}

class ScreenCommand final : public Command {
 public:
  std::string_view name() const override { return "screen"; }
  std::string summary() const override { return text::tr("cli.screen.summary"); }

  void describe(CLI::App& parser) override {
    options_.describe(parser);
    parser.add_flag("--json", json_, text::tr("cli.screen.json"));
    parser.footer(text::tr("cli.screen.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    sim::Run run = BOOST_OUTCOME_TRYX(options_.parse());
    if (!bounded(run.bounds)) run.bounds.timeout = kDefaultTimeout;
    std::array<std::string, sim::kScreenRows> rows;
    sim::RunEnvironment environment;
    environment.at_end = [&](vmm::Machine& machine) { rows = sim::text_screen(machine); };
    environment.signals = sim::RunEnvironment::Signals::kStopTheRun;
    const auto report = [&] {
      const Progress progress(text::tr("cli.running", run.guest.kernel));
      return sim::execute(run, environment);
    }();
    if (report.has_error()) return report.error();
    const vmm::RunOutcome& outcome = report.value().outcome;
    if (json_) {
      const nlohmann::ordered_json object = {{"end", vmm::name_of(outcome.end)}, {"rows", rows}};
      context.out << object.dump(2) << '\n';
    } else {
      for (const auto& row : rows) context.out << row << '\n';
    }
    context.err << vmm::sentence(outcome) << '\n';
    return exit_code_of(outcome);
  }

 private:
  RunOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_screen_command() { return std::make_unique<ScreenCommand>(); }

}  // namespace ringside::cli
