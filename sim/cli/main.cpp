// main() of `ringside`: collects the commands and hands over; everything else is in program.cpp and commands/.
#include <csignal>
#include <iostream>

#include "sim/cli/program.h"

int main(int argc, char* argv[]) {
  // A bound on file sizes (ulimit -f) is a failed write to report, not a signal to die of.
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return static_cast<int>(ringside::cli::run_program(ringside::cli::all_commands(), arguments, std::cout, std::cerr));
}
