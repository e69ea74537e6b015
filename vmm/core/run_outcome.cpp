// Exit codes, sentences and the post-mortem report of a run's end.
#include "vmm/core/run_outcome.h"

#include <fmt/format.h>

#include "traces/base/text.h"

namespace ringside::vmm {

using text::tr;

std::string_view name_of(RunEnd end) {
  switch (end) {
    case RunEnd::kPoweredOff: return "powered-off";
    case RunEnd::kResetRequested: return "reset-requested";
    case RunEnd::kDebugExit: return "debug-exit";
    case RunEnd::kHaltedForever: return "halted-forever";
    case RunEnd::kTripleFault: return "triple-fault";
    case RunEnd::kMachineFailed: return "machine-failed";
    case RunEnd::kTimeout: return "timeout";
    case RunEnd::kMaxExits: return "max-exits";
    case RunEnd::kMaxInstructions: return "max-instructions";
    case RunEnd::kMarkerReached: return "marker";
    case RunEnd::kRecordingFailed: return "recording-failed";
    case RunEnd::kInterrupted: return "interrupted";
  }
  return "";
}

ExitCode exit_code(const RunOutcome& outcome) {
  switch (outcome.end) {
    case RunEnd::kPoweredOff:
    case RunEnd::kResetRequested: return ExitCode::kOk;
    case RunEnd::kDebugExit: return outcome.exit_value == 0 ? ExitCode::kOk : ExitCode::kGuestFailed;
    case RunEnd::kHaltedForever:
    case RunEnd::kTripleFault: return ExitCode::kGuestFailed;
    case RunEnd::kMachineFailed: return ExitCode::kHost;
    case RunEnd::kTimeout:
    case RunEnd::kMaxExits:
    case RunEnd::kMaxInstructions:
    case RunEnd::kMarkerReached: return ExitCode::kLimit;
    case RunEnd::kRecordingFailed: return ExitCode::kOutput;
    case RunEnd::kInterrupted: return ExitCode::kInterrupted;
  }
  return ExitCode::kHost;
}

std::string sentence(const RunOutcome& outcome) {
  const double seconds = std::chrono::duration<double>(outcome.totals.wall_time).count();
  const uint64_t exits = outcome.totals.exits;
  switch (outcome.end) {
    case RunEnd::kPoweredOff: return tr("vmm.end.powered-off", seconds);
    case RunEnd::kResetRequested: return tr("vmm.end.reset-requested", seconds);
    case RunEnd::kDebugExit: return tr("vmm.end.debug-exit", outcome.exit_value);
    case RunEnd::kHaltedForever: return tr("vmm.end.halted-forever");
    case RunEnd::kTripleFault: return tr("vmm.end.triple-fault");
    case RunEnd::kMachineFailed: return tr("vmm.end.machine-failed", outcome.detail);
    case RunEnd::kTimeout: return tr("vmm.end.timeout", seconds);
    case RunEnd::kMaxExits: return tr("vmm.end.max-exits", exits);
    case RunEnd::kMaxInstructions: return tr("vmm.end.max-instructions", outcome.totals.instructions);
    case RunEnd::kMarkerReached: return tr("vmm.end.marker");
    case RunEnd::kRecordingFailed: return tr("vmm.end.recording-failed", seconds);
    case RunEnd::kInterrupted: return tr("vmm.end.interrupted", seconds);
  }
  return "";
}

std::string post_mortem_text(const RunOutcome& outcome) {
  if (!outcome.post_mortem) return "";
  const PostMortem& p = *outcome.post_mortem;
  std::string text = tr("vmm.post-mortem.registers") + "\n" + to_text(p.registers);
  if (p.registers_lost) text += tr("vmm.post-mortem.registers-lost") + "\n";
  text += tr("vmm.post-mortem.code") + "\n";
  for (const DisassembledLine& line : p.code) text += fmt::format("  {:#018x}  {:<32} {}\n", line.address, line.bytes, line.text);
  if (p.code.empty()) text += "  " + tr("vmm.post-mortem.no-code", p.registers.linear_rip()) + "\n";
  text += tr("vmm.post-mortem.exits", p.last_exits.size()) + "\n";
  for (const ExitSummary& e : p.last_exits)
    text += fmt::format("  {:>16} rip {:#018x} cpl {}  {}\n", e.info.time.value, e.info.guest_rip, e.info.cpl, e.text);
  return text;
}

}  // namespace ringside::vmm
