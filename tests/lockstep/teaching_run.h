// The teaching kernel run under one machine and technique: its console and the port accesses a monitor answered.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "sim/runner.h"
#include "tests/catch.h"
#include "traces/read/reader.h"

namespace ringside::testing {

using PortTouch = std::tuple<uint16_t, traces::Direction, uint8_t, uint64_t>;  // port, direction, size, value

struct TeachingRun {
  std::string console;
  std::vector<PortTouch> ports;
  uint64_t exits = 0, entries = 0, instructions = 0;
  std::vector<uint64_t> exit_codes;
};

inline Result<TeachingRun> run_teaching(const std::string& machine, const std::string& technique, const std::string& paging, const std::string& isa = "x86") {
  sim::Run run;
  run.machine = machine;
  run.technique = technique;
  run.paging = paging;
  run.isa = isa;
  run.guest.kernel = RINGSIDE_TEACHING_KERNEL;
  run.memory = 64 << 20;
  run.bounds.timeout = std::chrono::seconds(60);
  run.level = traces::TraceLevel::kExits;
  run.trace_file = (std::filesystem::temp_directory_path() / ("ringside-lockstep-" + std::to_string(getpid()) + ".rst")).string();
  TeachingRun result;
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return result.console += static_cast<char>(byte), true; };
  const auto report = sim::execute(run, environment);
  if (!report) return report.error();
  result.instructions = report.value().outcome.totals.instructions;
  const auto reader = traces::Reader::open(run.trace_file);
  if (!reader) return reader.error();
  reader.value().visit(traces::overloaded{
      [&](const traces::PortAccess& p) {
        if (p.answered_by == traces::AnsweredBy::kMonitor) result.ports.emplace_back(p.port, p.direction, p.size, p.value);
      },
      [&](const traces::Exit& e) { ++result.exits; result.exit_codes.push_back(e.raw_code); },
      [&](const traces::Entry&) { ++result.entries; },
  });
  std::filesystem::remove(run.trace_file);
  return result;
}

}  // namespace ringside::testing
