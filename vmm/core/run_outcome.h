// RunOutcome: how a run ended, what it counted, and where the guest stood when it ended badly. Returned by the run loop,
// printed by the command line, recorded at the end of a trace.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/base/result.h"
#include "vmm/core/disassembly.h"
#include "vmm/core/exit.h"
#include "vmm/core/exit_history.h"
#include "vmm/core/registers.h"

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
  kMarkerReached,
  kRecordingFailed,  // the trace cannot be written any more
  kInterrupted,      // the stop flag
};

// Where the guest stood when the run ended: for every end but power-off, reset, debug exit and marker.
struct PostMortem {
  Registers registers;
  bool registers_lost = false;                 // the host reset the CPU at the triple fault (AMD SVM): registers are the last known
  std::vector<ExitSummary> last_exits;         // oldest first, at most RunOptions::kept_exits
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

// Exit code of the program for an end, one sentence about it, and the multi-line post-mortem report ("" if there is none).
ExitCode exit_code(const RunOutcome& outcome);
std::string sentence(const RunOutcome& outcome);
std::string post_mortem_text(const RunOutcome& outcome);
// Short stable name for tables and traces: "powered-off", "triple-fault" ...
std::string_view name_of(RunEnd end);

}  // namespace ringside::vmm
