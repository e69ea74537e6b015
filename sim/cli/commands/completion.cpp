// `ringside completion SHELL`: prints a completion script for bash, zsh or fish, generated from the program's own description.
// The convention it reads: an option's type name is FILE or FOLDER, or its choices joined by '|', or any other word.
#include <algorithm>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/suggest.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

struct OptionFacts {
  std::vector<std::string> names;    // with dashes; empty for a positional argument
  std::string help;
  bool takes_value = false;
  bool takes_file = false;
  std::vector<std::string> choices;
};

struct CommandFacts {
  std::string name, summary;
  std::vector<OptionFacts> options;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t at; (at = text.find(separator, start)) != std::string::npos; start = at + 1) parts.push_back(text.substr(start, at - start));
  parts.push_back(text.substr(start));
  return parts;
}

OptionFacts facts_of(const CLI::Option& option) {
  OptionFacts facts;
  for (const auto& name : option.get_lnames()) facts.names.push_back("--" + name);
  for (const auto& name : option.get_snames()) facts.names.push_back("-" + name);
  facts.help = option.get_description();
  facts.takes_value = option.get_type_size() > 0;
  const std::string type = option.get_type_name();
  facts.takes_file = type == "FILE" || type == "FOLDER" || type == "TRACE";
  if (type.find('|') != std::string::npos) facts.choices = split(type, '|');
  return facts;
}

// The options of a command and of the commands below it, whose names are offered as words. An option that several have (--json)
// is listed once.
void collect(const CLI::App& command, std::vector<OptionFacts>& options) {
  const auto known = [&](const OptionFacts& facts) {
    return !facts.names.empty() && std::any_of(options.begin(), options.end(), [&](const auto& other) { return other.names == facts.names; });
  };
  for (const CLI::Option* option : command.get_options()) {
    auto facts = facts_of(*option);
    if (!known(facts)) options.push_back(std::move(facts));
  }
  OptionFacts words;
  for (const CLI::App* below : command.get_subcommands({})) {
    words.choices.push_back(below->get_name());
    collect(*below, options);
  }
  words.takes_value = true;
  if (!words.choices.empty()) options.push_back(std::move(words));
}

std::vector<CommandFacts> facts_of(const CLI::App& program) {
  std::vector<CommandFacts> all;
  for (const CLI::App* command : program.get_subcommands({})) {
    CommandFacts facts{command->get_name(), command->get_description(), {}};
    collect(*command, facts.options);
    all.push_back(std::move(facts));
  }
  return all;
}

std::string words(const std::vector<std::string>& list) { return fmt::format("{}", fmt::join(list, " ")); }

std::vector<std::string> command_names(const std::vector<CommandFacts>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command.name);
  return names;
}

void print_bash(std::ostream& out, const std::vector<CommandFacts>& commands) {
  out << "# bash completion of ringside: source <(ringside completion bash)\n"
         "_ringside() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options=\n"
         "  COMPREPLY=()\n"
         "  if (( COMP_CWORD == 1 )); then\n"
      << "    COMPREPLY=($(compgen -W '" << words(command_names(commands)) << " --help --version' -- \"$current\")); return\n"
      << "  fi\n"
         "  case ${COMP_WORDS[1]}:$previous in\n";
  for (const auto& command : commands)
    for (const auto& option : command.options) {
      if (!option.takes_value || option.names.empty()) continue;
      std::vector<std::string> patterns;
      for (const auto& name : option.names) patterns.push_back(command.name + ":" + name);
      out << "    " << fmt::format("{}", fmt::join(patterns, "|")) << ") ";
      if (!option.choices.empty()) out << "COMPREPLY=($(compgen -W '" << words(option.choices) << "' -- \"$current\")); ";
      else if (option.takes_file) out << "COMPREPLY=($(compgen -f -- \"$current\")); ";
      out << "return ;;\n";
    }
  out << "  esac\n"
         "  case ${COMP_WORDS[1]} in\n";
  for (const auto& command : commands) {
    std::vector<std::string> names, choices;
    for (const auto& option : command.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      if (option.names.empty()) choices.insert(choices.end(), option.choices.begin(), option.choices.end());
    }
    out << "    " << command.name << ") options='" << words(names) << "'; [[ $current == -* ]] || options='" << words(choices) << "' ;;\n";
  }
  out << "  esac\n"
         "  COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
         "  [[ $current == -* ]] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o filenames -F _ringside ringside\n";
}

// Inside single quotes of a shell.
std::string quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

// The text zsh's _arguments and _describe read: brackets and colons have a meaning there.
std::string zsh_escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh_value(const OptionFacts& option) {
  if (!option.choices.empty()) return ":value:(" + words(option.choices) + ")";
  return option.takes_file ? ":file:_files" : ":value:";
}

void print_zsh(std::ostream& out, const std::vector<CommandFacts>& commands) {
  out << "#compdef ringside\n"
         "# zsh completion of ringside: source <(ringside completion zsh), or a file _ringside in $fpath\n"
         "_ringside() {\n"
         "  local -a commands=(\n";
  for (const auto& command : commands) out << "    " << quoted(command.name + ":" + zsh_escaped(command.summary)) << '\n';
  out << "  )\n"
         "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
         "  local name=$words[2]\n"
         "  shift words; (( CURRENT-- ))\n"
         "  case $name in\n";
  for (const auto& command : commands) {
    out << "    " << command.name << ") _arguments";
    for (const auto& option : command.options) {
      if (option.names.empty()) out << ' ' << quoted("*" + zsh_value(option));
      for (const auto& name : option.names)
        out << ' ' << quoted(name + "[" + zsh_escaped(option.help) + "]" + (option.takes_value ? zsh_value(option) : ""));
    }
    out << " ;;\n";
  }
  out << "  esac\n}\n"
         "if [[ $funcstack[1] == _ringside ]]; then _ringside \"$@\"; else compdef _ringside ringside; fi\n";
}

void print_fish(std::ostream& out, const std::vector<CommandFacts>& commands) {
  out << "# fish completion of ringside: ringside completion fish | source\n";
  for (const auto& command : commands)
    out << "complete -c ringside -n __fish_use_subcommand -f -a " << command.name << " -d " << quoted(command.summary) << '\n';
  for (const auto& command : commands)
    for (const auto& option : command.options) {
      out << "complete -c ringside -n '__fish_seen_subcommand_from " << command.name << "'";
      for (const auto& name : option.names) out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (option.takes_value && !option.names.empty()) out << " -r";
      if (!option.choices.empty()) out << " -f -a " << quoted(words(option.choices));
      out << " -d " << quoted(option.help) << '\n';
    }
}

class CompletionCommand final : public Command {
 public:
  std::string_view name() const override { return "completion"; }
  std::string summary() const override { return text::tr("cli.completion.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("shell", shell_, text::tr("cli.completion.shell"))->required()->type_name("bash|zsh|fish");
    parser.footer(text::tr("cli.completion.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    const auto commands = facts_of(context.program);
    if (shell_ == "bash") print_bash(context.out, commands);
    else if (shell_ == "zsh") print_zsh(context.out, commands);
    else if (shell_ == "fish") print_fish(context.out, commands);
    else return fail(ExitCode::kUsage, text::tr("cli.completion.unknown", shell_, sim::suggestion(shell_, {"bash", "zsh", "fish"})));
    return ExitCode::kOk;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion_command() { return std::make_unique<CompletionCommand>(); }

}  // namespace ringside::cli
