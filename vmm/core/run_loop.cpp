// The run loop: enter, note, dispatch, check the bounds, until something ends the run.
#include "vmm/core/run_loop.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vmm/core/handlers.h"

namespace ringside::vmm {

namespace {

using SteadyClock = std::chrono::steady_clock;

class RunLoop {
 public:
  RunLoop(Machine& machine, DeviceRequests& requests, Recorder& recorder, const RunOptions& options)
      : machine_(machine), vcpu_(machine.vcpu(0)), requests_(requests), recorder_(recorder), options_(options),
        history_(options.kept_exits), wall_start_(SteadyClock::now()), guest_start_(machine.clock().now()) {
    if (options_.counter_interval) next_counters_ = wall_start_ + *options_.counter_interval;
  }

  Result<RunOutcome> go() {
    recorder_.on_run_start(guest_start_);
    check_bounds();
    while (!end_) {
      Result<Exit> exit = enter();
      if (!exit) {
        outcome_.detail = exit.error().message;
        finish(RunEnd::kMachineFailed);
        return exit.error();
      }
      if (stays_inside(exit.value())) continue;
      note(exit.value());
      std::visit([&](auto& cause) { handle(exit.value().info, cause); }, exit.value().cause);
      history_.push(exit.value());
      look_at_requests(exit.value().info);
      check_bounds();
    }
    finish(*end_);
    return std::move(outcome_);
  }

 private:
  void finish_as(RunEnd end) {
    if (!end_) end_ = end;
  }

  // --- in and out ---------------------------------------------------------------------------------------------------
  Result<Exit> enter() {
    if (outside_) {
      const Cycles now = machine_.clock().now();
      const Cycles monitor(outcome_.totals.entries ? now - last_exit_ : 0);
      outcome_.totals.monitor_time += monitor.value;
      ++outcome_.totals.entries;
      recorder_.on_entry(vcpu_.id(), now, monitor);
      outside_ = false;
    }
    return vcpu_.run(bounds());
  }

  // The machine came up only to let the bounds be looked at: for the trace the guest never left, unless a bound is reached.
  bool stays_inside(Exit& exit) {
    auto* interrupted = std::get_if<InterruptedExit>(&exit.cause);
    if (!interrupted || interrupted->by == InterruptedBy::kKick || interrupted->by == InterruptedBy::kInstructions) return false;
    take_counters_if_due();
    check_bounds();
    if (end_) {
      interrupted->by = end_ == RunEnd::kInterrupted ? InterruptedBy::kKick : InterruptedBy::kDeadline;
      return false;
    }
    sliced_guest_time_ += exit.info.guest_time.value;
    return true;
  }

  void note(Exit& exit) {
    exit.info.guest_time += sliced_guest_time_.value;
    sliced_guest_time_ = Cycles(0);
    outside_ = true;
    last_exit_ = exit.info.time;
    RunTotals& totals = outcome_.totals;
    ++totals.exits;
    ++totals.exits_by_cause[exit.cause.index()];
    totals.guest_time += exit.info.guest_time.value;
    recorder_.on_exit(exit);
  }

  RunBounds bounds() const {
    RunBounds b;
    if (options_.limits.wall_time) b.wall_deadline = wall_start_ + *options_.limits.wall_time;
    b.wall_deadline = std::min(b.wall_deadline, next_counters_);
    if (options_.limits.instructions) b.instruction_deadline = *options_.limits.instructions;
    if (options_.limits.guest_time) b.guest_deadline = guest_start_ + options_.limits.guest_time->value;
    return b;
  }

  void check_bounds() {
    const RunLimits& limits = options_.limits;
    if (limits.stop && limits.stop->load(std::memory_order_relaxed)) finish_as(RunEnd::kInterrupted);
    if (recorder_.failed()) finish_as(RunEnd::kRecordingFailed);
    if (limits.exits && outcome_.totals.exits >= *limits.exits) finish_as(RunEnd::kMaxExits);
    if (limits.wall_time && SteadyClock::now() - wall_start_ >= *limits.wall_time) finish_as(RunEnd::kTimeout);
    if (limits.guest_time && machine_.clock().now() - guest_start_ >= limits.guest_time->value) finish_as(RunEnd::kTimeout);
    if (limits.instructions && machine_.capabilities().counts_instructions && vcpu_.instructions() >= *limits.instructions)
      finish_as(RunEnd::kMaxInstructions);
  }

  // --- what each cause leads to ----------------------------------------------------------------------------------------
  void handle(const ExitInfo& info, PortExit& exit) {
    const std::string_view device = handle_port_exit(machine_.bus(), exit);
    recorder_.on_port(info, exit, device);
    vcpu_.answer(exit);
  }
  void handle(const ExitInfo& info, MmioExit& exit) {
    const std::string_view device = handle_mmio_exit(machine_.bus(), exit);
    recorder_.on_mmio(info, exit, device);
    vcpu_.answer(exit);
  }
  void handle(const ExitInfo&, HardwareExit&) {}  // the technique has dealt with these
  void handle(const ExitInfo&, TrapExit&) {}
  void handle(const ExitInfo&, MsrExit& exit) {
    handle_msr_exit(exit);
    vcpu_.answer(exit);
  }
  void handle(const ExitInfo& info, HypercallExit& exit) {
    if (!exit.name.empty()) return recorder_.on_hypercall(info, exit);
    handle_hypercall_exit(exit);
    vcpu_.answer(exit);
  }
  void handle(const ExitInfo&, HaltExit&) { finish_as(RunEnd::kHaltedForever); }
  void handle(const ExitInfo&, ShutdownExit&) { finish_as(RunEnd::kTripleFault); }
  void handle(const ExitInfo&, SystemEventExit& exit) {
    switch (exit.kind) {
      case SystemEventKind::kPowerOff: return finish_as(RunEnd::kPoweredOff);
      case SystemEventKind::kReset: return finish_as(RunEnd::kResetRequested);
      case SystemEventKind::kCrash:
      case SystemEventKind::kOther: return fail(exit);
    }
  }
  void handle(const ExitInfo&, DebugExit&) {}  // single steps are their own record; the run goes on
  void handle(const ExitInfo&, InterruptedExit& exit) {
    if (exit.by == InterruptedBy::kInstructions) finish_as(RunEnd::kMaxInstructions);
  }
  void handle(const ExitInfo&, FailEntryExit& exit) { fail(exit); }
  void handle(const ExitInfo&, InternalErrorExit& exit) { fail(exit); }
  void handle(const ExitInfo& info, UnknownExit& exit) {
    fail(exit);
    outcome_.detail += " " + std::to_string(info.raw_reason);
  }
  void fail(const ExitCause& cause) {
    outcome_.detail = to_text(cause);
    finish_as(RunEnd::kMachineFailed);
  }

  // --- what devices asked for, and counters -------------------------------------------------------------------------------
  void look_at_requests(const ExitInfo& info) {
    if (requests_.has_markers())
      for (const uint32_t value : requests_.take_markers()) {
        recorder_.on_marker(info.vcpu, machine_.clock().now(), value);
        if (options_.limits.marker == value) finish_as(RunEnd::kMarkerReached);
      }
    if (!requests_.pending()) return;
    const DeviceRequest request = *requests_.pending();
    requests_.clear();
    switch (request.kind) {
      case RequestKind::kPowerOff: return finish_as(RunEnd::kPoweredOff);
      case RequestKind::kReset: return finish_as(RunEnd::kResetRequested);
      case RequestKind::kDebugExit:
        outcome_.exit_value = request.value;
        return finish_as(RunEnd::kDebugExit);
    }
  }

  void take_counters_if_due() {
    if (SteadyClock::now() < next_counters_) return;
    next_counters_ = SteadyClock::now() + *options_.counter_interval;
    record_counters();
  }
  void record_counters() {
    const std::vector<NamedCounter> counters = machine_.counters();
    if (!counters.empty()) recorder_.on_counters(machine_.clock().now(), counters);
  }

  // --- the end ----------------------------------------------------------------------------------------------------------
  void finish(RunEnd end) {
    outcome_.end = end;
    outcome_.totals.instructions = vcpu_.instructions();
    outcome_.totals.wall_time = SteadyClock::now() - wall_start_;
    const bool guest_is_fine = end == RunEnd::kPoweredOff || end == RunEnd::kResetRequested || end == RunEnd::kDebugExit ||
                               end == RunEnd::kMarkerReached || end == RunEnd::kRecordingFailed;
    if (!guest_is_fine && options_.bad_ends == BadEnds::kExplain) outcome_.post_mortem = post_mortem();
    record_counters();
    recorder_.on_run_end(machine_.clock().now(), outcome_);
  }

  std::optional<PostMortem> post_mortem() {
    Result<Registers> registers = vcpu_.registers();
    if (!registers) return std::nullopt;
    PostMortem p{.registers = registers.value(), .registers_lost = false, .last_exits = history_.summaries(), .code = {}};
    // AMD's hardware resets the CPU at a shutdown, so the state that faulted is gone [APM 2 15.14.3 "Shutdown Intercept"].
    const Registers reset = reset_registers();
    p.registers_lost = outcome_.end == RunEnd::kTripleFault && p.registers.rip == reset.rip &&
                       p.registers.segment[hw::kCs].selector == reset.segment[hw::kCs].selector;
    constexpr size_t kLines = 8, kLongestInstruction = 15;
    std::array<uint8_t, kLines * kLongestInstruction> code;
    const uint64_t address = p.registers.linear_rip();
    const size_t bytes = peek_linear(machine_, vcpu_, address, code);
    p.code = disassemble(std::span(code).first(bytes), address, p.registers.code_bits(), kLines);
    return p;
  }

  Machine& machine_;
  Vcpu& vcpu_;
  DeviceRequests& requests_;
  Recorder& recorder_;
  const RunOptions& options_;
  ExitHistory history_;
  RunOutcome outcome_;
  std::optional<RunEnd> end_;
  bool outside_ = true;            // the monitor has control, as far as the trace knows
  Cycles last_exit_, sliced_guest_time_;
  SteadyClock::time_point wall_start_, next_counters_ = SteadyClock::time_point::max();
  Cycles guest_start_;
};

}  // namespace

Result<RunOutcome> run(Machine& machine, DeviceRequests& requests, Recorder& recorder, const RunOptions& options) {
  return RunLoop(machine, requests, recorder, options).go();
}

}  // namespace ringside::vmm
