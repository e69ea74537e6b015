// The program as a function: arguments in, exit code out. Parses, turns every usage error into one sentence with the way out, runs
// the command, and notices when its output could not be written. Called by main() and by tests.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "sim/cli/command.h"

namespace ringside::cli {

// `arguments` without the program's name. Errors go to `err` as "ringside: <sentence>".
ExitCode run_program(std::vector<std::unique_ptr<Command>> commands, const std::vector<std::string>& arguments, std::ostream& out,
                     std::ostream& err);

}  // namespace ringside::cli
