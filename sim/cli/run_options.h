// The options that describe a run, shared by the commands that execute one (run, screen). Parses texts into a Run; whether the
// combination makes sense is sim/validate's business.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "sim/run.h"
#include "traces/base/result.h"

namespace ringside::cli {

class RunOptions {
 public:
  void describe(CLI::App& parser);
  Result<sim::Run> parse() const;

 private:
  Result<void> parse_guest(sim::Guest& guest) const;
  Result<void> parse_timing(sim::Timing& timing) const;
  Result<void> parse_bounds(sim::Bounds& bounds) const;

  std::string machine_ = "model", technique_ = "native", paging_ = "none";
  std::string kernel_, initrd_, append_, guest_ = "auto", start_mode_, load_address_, decompress_ = "host";
  std::string mode_, cost_profile_, detailed_from_, detailed_until_, host_, ept_leaf_;
  std::string memory_ = "256M", isa_ = "x86", table_writes_, adaptive_ = "on", monitor_memory_, seed_, workload_, timeout_, max_exits_, max_instructions_, until_marker_;
};

}  // namespace ringside::cli
