// The one run loop of both machines: enter, record, dispatch to a handler, check the bounds; until something ends the run.
// Called by sim's runner with a Machine whose guest is loaded and whose devices are plugged in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "traces/base/result.h"
#include "vmm/core/exit.h"
#include "vmm/core/machine.h"
#include "vmm/core/recorder.h"
#include "vmm/core/run_limits.h"
#include "vmm/devices/requests.h"

namespace ringside::vmm {

enum class RunEnd : uint8_t {
  kPoweredOff,       // ACPI S5 or the platform's power-off
  kResetRequested,   // port 0xCF9, 0x64 command 0xFE, ACPI reset register
  kDebugExit,        // a write to isa-debug-exit; RunOutcome::exit_value
  kHaltedForever,    // HLT with nothing that could wake the CPU
  kTripleFault,
  kMachineFailed,    // entry refused, internal error, or an exit this program does not know
  kTimeout,          // wall or guest time
  kMaxExits,
  kMaxInstructions,
  kInterrupted,      // the stop flag
};

struct DisassembledLine {
  uint64_t address = 0;
  std::string bytes, text;
};

// Where the guest stood when the run ended: for every end but power-off, reset and debug exit.
struct PostMortem {
  Registers registers;
  std::vector<Exit> last_exits;                // oldest first, at most RunOptions::kept_exits; spans in them are empty
  std::vector<DisassembledLine> code;          // at rip
};

struct RunTotals {
  uint64_t exits = 0, entries = 0;
  uint64_t instructions = 0;                   // 0 where the machine cannot count
  Cycles guest_time, monitor_time;             // in the machine's clock
  std::chrono::nanoseconds wall_time{0};
  std::vector<uint64_t> exits_by_cause = std::vector<uint64_t>(kExitCauses);  // indexed as ExitCause
};

struct RunOutcome {
  RunEnd end = RunEnd::kInterrupted;
  uint32_t exit_value = 0;                     // kDebugExit: what the guest wrote
  std::string detail;                          // kMachineFailed: the failure in words
  RunTotals totals;
  std::optional<PostMortem> post_mortem;
};

struct RunOptions {
  RunLimits limits;
  size_t kept_exits = 16;                                      // for the post-mortem
  std::optional<std::chrono::nanoseconds> counter_interval;    // machine counters into the trace this often (host time)
};

// Runs vCPU 0 until the run ends. `requests` is what the devices ask for (devices/requests.h). Errors are the host's only.
Result<RunOutcome> run(Machine& machine, DeviceRequests& requests, Recorder& recorder, const RunOptions& options);

// Exit code of the program for an end, one sentence about it, and the multi-line post-mortem report ("" if there is none).
ExitCode exit_code(const RunOutcome& outcome);
std::string sentence(const RunOutcome& outcome);
std::string post_mortem_text(const RunOutcome& outcome);
std::string_view name_of(RunEnd end);

}  // namespace ringside::vmm
