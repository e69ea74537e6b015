#include "sim/cli/program.h"

#include <algorithm>
#include <ostream>

#include "sim/suggest.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

// Every spelling of every option of a parser, with dashes.
std::vector<std::string> option_names(const CLI::App& parser) {
  std::vector<std::string> names;
  for (const CLI::Option* option : parser.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

// The subcommand being parsed when an error arose, at any depth, or the program itself.
const CLI::App& innermost(const CLI::App& parser) {
  const auto parsed = parser.get_subcommands();
  return parsed.empty() ? parser : innermost(*parsed.front());
}

// "ringside experiment run".
std::string full_name(const CLI::App& parser) {
  return parser.get_parent() ? full_name(*parser.get_parent()) + " " + parser.get_name() : parser.get_name();
}

std::string extras_sentence(const CLI::App& program) {
  const CLI::App& parser = innermost(program);
  const auto remaining = program.remaining(true);
  const std::string wrong = remaining.empty() ? "" : remaining.front();
  if (wrong.starts_with("-")) {
    const std::string bare = wrong.substr(0, wrong.find('='));
    return text::tr("cli.unknown_option", bare, full_name(parser), sim::suggestion(bare, option_names(parser)));
  }
  const auto commands = command_names(parser);
  if (!commands.empty()) return text::tr("cli.unknown_command", wrong, sim::suggestion(wrong, commands), joined(commands));
  return text::tr("cli.unexpected_argument", wrong, full_name(parser));
}

// One sentence for whatever the parser disliked.
std::string sentence_for(const CLI::App& program, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) return extras_sentence(program);
  const std::string name = full_name(innermost(program));
  std::string detail = error.what();
  if (!detail.empty() && detail.back() == '.') detail.pop_back();
  return text::tr("cli.usage_error", detail, name);
}

// `ringside help run` is `ringside run --help`.
std::vector<std::string> without_help_command(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments[0] != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.resize(std::min<size_t>(arguments.size(), 1));
  arguments.push_back("--help");
  return arguments;
}

// A first word that is no option must be a command: said here, because the parser would complain of a missing command instead.
bool names_unknown_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].starts_with("-")) return false;
  const auto names = command_names(program);
  return std::find(names.begin(), names.end(), arguments[0]) == names.end();
}

ExitCode complain(std::ostream& err, ExitCode code, const std::string& sentence) {
  err << "ringside: " << sentence << '\n';
  return code;
}

}  // namespace

ExitCode run_program(std::vector<std::unique_ptr<Command>> commands, const std::vector<std::string>& original, std::ostream& out,
                     std::ostream& err) {
  CLI::App program(text::tr("cli.description"), "ringside");
  program.require_subcommand(1);
  program.get_formatter()->column_width(34);
  const auto version = [] { return text::tr("cli.version", RINGSIDE_VERSION); };
  program.set_version_flag("--version", version, text::tr("cli.version.help"));
  std::vector<CLI::App*> parsers;
  for (const auto& command : commands) {
    parsers.push_back(program.add_subcommand(std::string(command->name()), command->summary()));
    command->describe(*parsers.back());
  }
  program.footer(text::tr("cli.footer") + "\n\n" + text::tr("cli.exit_codes"));  // after the commands, which would inherit it

  auto arguments = without_help_command(original);
  if (arguments.empty()) {
    err << program.help();
    return ExitCode::kUsage;
  }
  if (names_unknown_command(program, arguments)) {
    const auto names = command_names(program);
    return complain(err, ExitCode::kUsage,
                    text::tr("cli.unknown_command", arguments[0], sim::suggestion(arguments[0], names), joined(names)));
  }
  try {
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::Success& request) {  // --help and --version
    program.exit(request, out, err);
    out.flush();
    return out ? ExitCode::kOk : complain(err, ExitCode::kOutput, text::tr("cli.output_failed"));
  } catch (const CLI::ParseError& error) {
    return complain(err, ExitCode::kUsage, sentence_for(program, error));
  }

  for (size_t i = 0; i < commands.size(); ++i) {
    if (!parsers[i]->parsed()) continue;
    Context context{out, err, program};
    const auto result = commands[i]->run(context);
    out.flush();
    if (result.has_error()) return complain(err, result.error().code, result.error().message);
    return out ? result.value() : complain(err, ExitCode::kOutput, text::tr("cli.output_failed"));
  }
  return ExitCode::kUsage;
}

}  // namespace ringside::cli
