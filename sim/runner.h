// Executes a Run: builds the machine, loads the guest, plugs the devices in, records, keeps the bounds, and reports. The one place
// where the layers below are put together. Called by the CLI, by experiments and by tests.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/run.h"
#include "vmm/core/machine.h"
#include "vmm/core/recorder.h"
#include "vmm/core/run_outcome.h"

namespace ringside::sim {

struct RunReport {
  vmm::RunOutcome outcome;
  std::string guest;                // one line: what was loaded and how it is entered
  std::vector<std::string> notes;   // what the machine lacks on this host, in sentences
  vmm::TimeUnit time_unit = vmm::TimeUnit::kModelledCycles;
  Cycles time;                      // guest time at the end, idle time included
  std::string cost_profile;         // "": none was used
  std::vector<std::pair<std::string_view, uint64_t>> cycles;  // by category, those of detailed mode; empty if there was none
  uint64_t console_bytes = 0;
  uint64_t trace_events = 0, trace_bytes = 0;

  // Million instructions a second of wall time; 0 where the machine cannot count.
  double mips() const;
};

// What others may read while the run goes on.
struct RunProgress {
  std::atomic<uint64_t> exits{0};
};

// How a run touches the outside. Every member may be left as it is.
struct RunEnvironment {
  // What the guest writes to its serial port or debug console, as it comes. False: nobody listens any more, end the run.
  std::function<bool(uint8_t)> console;
  // Bytes the guest finds on its serial port from the start: part of the run's input, so it stays deterministic.
  std::string console_input;
  // Called once with the machine as the guest left it.
  std::function<void(vmm::Machine&)> at_end;
  RunProgress* progress = nullptr;
  // Hears of exits and markers, whether a trace is written or not.
  vmm::Recorder* listener = nullptr;
  // End the run gracefully at the first SIGINT or SIGTERM. Off in tests that run several.
  enum class Signals : uint8_t { kStopTheRun, kIgnored } signals = Signals::kIgnored;
};

// Errors: kUsage for runs that make no sense, kInput for guest images, kHost for the machine, kOutput for the trace. How the
// guest ended is in the report, not an error.
Result<RunReport> execute(const Run& run, const RunEnvironment& environment);

}  // namespace ringside::sim
