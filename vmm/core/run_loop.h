// The one run loop of both machines: enter, record, dispatch to a handler, check the bounds; until something ends the run.
// Called by sim's runner with a Machine whose guest is loaded and whose devices are plugged in.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "traces/base/result.h"
#include "vmm/core/machine.h"
#include "vmm/core/recorder.h"
#include "vmm/core/run_limits.h"
#include "vmm/core/run_outcome.h"
#include "vmm/devices/requests.h"

namespace ringside::vmm {

enum class BadEnds : uint8_t { kExplain, kTell };  // with a post-mortem, or only which end it was

struct RunOptions {
  RunLimits limits;
  size_t kept_exits = 16;                                      // for the post-mortem
  BadEnds bad_ends = BadEnds::kExplain;
  std::optional<std::chrono::nanoseconds> counter_interval;    // machine counters into the trace this often (host time)
};

// Runs vCPU 0 until the run ends. `requests` is what the devices ask for (devices/requests.h). Errors are the host's only.
Result<RunOutcome> run(Machine& machine, DeviceRequests& requests, Recorder& recorder, const RunOptions& options);

}  // namespace ringside::vmm
