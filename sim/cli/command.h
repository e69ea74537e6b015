// Command: one subcommand of `ringside`. Each lives in one file of commands/ and describes itself; the build lists the folder
// (sim/CMakeLists.txt writes all_commands.cpp), so adding one touches one file.
#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "traces/base/result.h"

namespace ringside::cli {

// Where a command writes and what it may ask of the program.
struct Context {
  std::ostream& out;
  std::ostream& err;
  const CLI::App& program;  // the assembled program, for commands that describe it (completion)
};

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view name() const = 0;
  // One line for the list of commands.
  virtual std::string summary() const = 0;
  // Adds options, help texts and examples to this command's parser. Options are stored in the command.
  virtual void describe(CLI::App& parser) = 0;
  // Does the work after a successful parse. A failure's message is printed and its code ends the program.
  virtual Result<ExitCode> run(Context& context) = 0;
};

// Every file of commands/ defines make_<file name>_command(); this collects them in alphabetical order.
std::vector<std::unique_ptr<Command>> all_commands();

}  // namespace ringside::cli
