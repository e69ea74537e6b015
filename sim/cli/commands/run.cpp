// `ringside run`: boots a guest on a machine, shows its console, records a trace, and tells how it ended.
#include <csignal>
#include <fstream>
#include <iterator>
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/console.h"
#include "sim/cli/progress.h"
#include "sim/cli/report.h"
#include "sim/cli/run_options.h"
#include "sim/quantities.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

constexpr Choice<traces::TraceLevel> kLevels[] = {{"off", traces::TraceLevel::kOff},
                                                  {"exits", traces::TraceLevel::kExits},
                                                  {"walks", traces::TraceLevel::kWalks},
                                                  {"instructions", traces::TraceLevel::kInstructions}};

class RunCommand final : public Command {
 public:
  std::string_view name() const override { return "run"; }
  std::string summary() const override { return text::tr("cli.run.summary"); }

  void describe(CLI::App& parser) override {
    options_.describe(parser);
    const std::string group = text::tr("cli.run.group.output");
    parser.add_option("-o,--output", trace_file_, text::tr("cli.run.output"))->type_name("FILE")->group(group);
    parser.add_option("--level", level_, text::tr("cli.run.level"))->type_name(choice_names<traces::TraceLevel>(kLevels, "|"))->group(group);
    parser.add_option("--console-file", console_file_, text::tr("cli.run.console_file"))->type_name("FILE")->group(group);
    parser.add_option("--input", input_file_, text::tr("cli.run.input"))->type_name("FILE")->group(group);
    parser.add_flag("-q,--quiet", quiet_, text::tr("cli.run.quiet"))->group(group);
    parser.add_flag("--json", json_, text::tr("cli.run.json"))->group(group);
    parser.footer(text::tr("cli.run.examples") + "\n\n" + text::tr("cli.exit_codes"));
  }

  Result<ExitCode> run(Context& context) override {
    sim::Run run = BOOST_OUTCOME_TRYX(options_.parse());
    BOOST_OUTCOME_TRYV(parse_output(run));
    Console console;
    BOOST_OUTCOME_TRYV(open_console(console));
    sim::RunProgress seen;
    sim::RunEnvironment environment;
    environment.console = [&](uint8_t byte) { return console.put(byte); };
    environment.console_input = BOOST_OUTCOME_TRYX(read_input());
    environment.progress = &seen;
    environment.signals = sim::RunEnvironment::Signals::kStopTheRun;
    std::signal(SIGPIPE, SIG_IGN);  // a reader that left ends the run in order, with its trace
    const auto report = execute(run, environment, console, seen);
    BOOST_OUTCOME_TRYV(console.finish());
    if (report.has_error()) return report.error();
    if (json_) context.out << report_json(run, report.value()).dump(2) << '\n';
    else if (!quiet_) print_report(context.err, run, report.value());
    return vmm::exit_code(report.value().outcome);
  }

 private:
  Result<void> parse_output(sim::Run& run) const {
    run.trace_file = trace_file_;
    run.level = trace_file_.empty() ? traces::TraceLevel::kOff : traces::TraceLevel::kExits;
    if (level_.empty()) return success();
    return parse_choice<traces::TraceLevel>(run.level, "--level", level_, kLevels);
  }

  Result<void> open_console(Console& console) const {
    if (!console_file_.empty()) return console.to_file(console_file_);
    if (!quiet_) console.to_stream(json_ ? stderr : stdout);
    return success();
  }

  Result<std::string> read_input() const {
    if (input_file_.empty()) return std::string();
    std::ifstream file(input_file_, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) return fail(ExitCode::kInput, text::tr("cli.run.bad_input", input_file_));
    return bytes;
  }

  // With a line of progress where the guest's console does not need the terminal.
  static Result<sim::RunReport> execute(const sim::Run& run, const sim::RunEnvironment& environment, const Console& console,
                                        const sim::RunProgress& seen) {
    if (console.shows_on_terminal()) return sim::execute(run, environment);
    const Progress progress(text::tr("cli.running", run.guest.kernel),
                            [&] { return text::tr("cli.exits_so_far", sim::grouped(seen.exits.load())); });
    return sim::execute(run, environment);
  }

  RunOptions options_;
  std::string trace_file_, level_, console_file_, input_file_;
  bool quiet_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace ringside::cli
