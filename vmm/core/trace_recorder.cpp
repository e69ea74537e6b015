// Events out of exits.
#include "vmm/core/trace_recorder.h"

#include <algorithm>
#include <cstring>

#include "traces/schema/exit_codes.h"
#include "vmm/core/run_outcome.h"

namespace ringside::vmm {

namespace {

traces::Direction direction_of(Direction d) { return d == Direction::kRead ? traces::Direction::kRead : traces::Direction::kWrite; }

traces::InterruptionType type_of(Injection::Kind kind) {
  switch (kind) {
    case Injection::Kind::kInterrupt: return traces::InterruptionType::kInterrupt;
    case Injection::Kind::kNmi: return traces::InterruptionType::kNmi;
    case Injection::Kind::kException: return traces::InterruptionType::kException;
  }
  return traces::InterruptionType::kInterrupt;
}

// The one number beside the reason that tells most.
uint64_t qualification_of(const ExitCause& cause) {
  return std::visit(overloaded{
                        [](const FailEntryExit& e) { return e.hardware_reason; },
                        [](const InternalErrorExit& e) { return uint64_t{e.suberror}; },
                        [](const DebugExit& e) { return e.dr6; },
                        [](const HypercallExit& e) { return e.number; },
                        [](const SystemEventExit& e) { return uint64_t{e.raw}; },
                        [](const MsrExit& e) { return uint64_t{e.index}; },
                        [](const InterruptedExit& e) { return static_cast<uint64_t>(e.by); },
                        // Port and memory accesses have events of their own; the rest has nothing to add.
                        [](const PortExit&) { return uint64_t{0}; },
                        [](const MmioExit&) { return uint64_t{0}; },
                        [](const HaltExit&) { return uint64_t{0}; },
                        [](const ShutdownExit&) { return uint64_t{0}; },
                        [](const HardwareExit& e) { return e.qualification; },
                        [](const TrapExit& e) { return e.reason == traces::ExitReason::kPageFault ? e.address : uint64_t{e.error}; },
                        [](const UnknownExit&) { return uint64_t{0}; },
                    },
                    cause);
}

}  // namespace

traces::ExitReason reason_of(const ExitCause& cause) {
  using traces::ExitReason;
  return std::visit(overloaded{
                        [](const PortExit&) { return ExitReason::kIoInstruction; },
                        [](const MmioExit&) { return ExitReason::kMmio; },
                        [](const HaltExit&) { return ExitReason::kHlt; },
                        [](const ShutdownExit&) { return ExitReason::kTripleFault; },
                        [](const FailEntryExit&) { return ExitReason::kInvalidGuestState; },
                        [](const InternalErrorExit&) { return ExitReason::kInternalError; },
                        [](const DebugExit&) { return ExitReason::kDebug; },
                        [](const InterruptedExit&) { return ExitReason::kInterrupted; },
                        [](const HypercallExit&) { return ExitReason::kVmcall; },
                        [](const SystemEventExit&) { return ExitReason::kSystemEvent; },
                        [](const MsrExit& e) { return e.direction == Direction::kRead ? ExitReason::kMsrRead : ExitReason::kMsrWrite; },
                        [](const HardwareExit& e) { return traces::reason_of_vmx(e.reason); },
                        [](const TrapExit& e) { return e.reason; },
                        [](const UnknownExit&) { return ExitReason::kUnknown; },
                    },
                    cause);
}

void TraceRecorder::on_run_start(Cycles time) {
  start_ = time;
  description_.time = time.value;
  writer_.emit(description_);
}

void TraceRecorder::on_run_end(Cycles time, const RunOutcome& outcome) {
  const std::string detail = outcome.end == RunEnd::kDebugExit ? std::to_string(outcome.exit_value) : outcome.detail;
  writer_.emit(traces::RunEnd{.time = time.value,
                              .vcpu = 0,
                              .outcome = name_of(outcome.end),
                              .detail = detail,
                              .instructions = outcome.totals.instructions,
                              .exits = outcome.totals.exits,
                              .duration = time - start_});
}

void TraceRecorder::on_exit(const Exit& exit) {
  const ExitInfo& info = exit.info;
  traces::Exit event;
  event.time = info.time.value;
  event.vcpu = info.vcpu;
  event.reason = reason_of(exit.cause);
  event.rip = info.guest_rip;
  event.guest_time = info.guest_time.value;
  event.instructions = info.instructions;
  event.instruction = traces::InstructionBytes(std::span(info.instruction).first(info.instruction_length));
  event.qualification = info.qualification ? info.qualification : qualification_of(exit.cause);
  event.cpl = info.cpl;
  event.raw_code = info.raw_reason;
  event.numbering = numbering_;
  writer_.emit(event);
}

void TraceRecorder::on_entry(unsigned vcpu, Cycles time, Cycles monitor_time) {
  writer_.emit(traces::Entry{.time = time.value, .vcpu = vcpu, .monitor_time = monitor_time.value});
}

void TraceRecorder::on_port(const ExitInfo& info, const PortExit& exit, std::string_view device) {
  uint64_t value = 0;
  if (!exit.data.empty()) std::memcpy(&value, exit.data.data(), std::min<size_t>({exit.size, exit.data.size(), sizeof value}));
  writer_.emit(traces::PortAccess{.time = info.time.value,
                                  .vcpu = info.vcpu,
                                  .value = value,
                                  .port = exit.port,
                                  .direction = direction_of(exit.direction),
                                  .device = device,
                                  .size = exit.size,
                                  .count = exit.count,
                                  .answered_by = traces::AnsweredBy::kMonitor});
}

void TraceRecorder::on_mmio(const ExitInfo& info, const MmioExit& exit, std::string_view device) {
  writer_.emit(traces::MmioAccess{.time = info.time.value,
                                  .vcpu = info.vcpu,
                                  .value = exit.value,
                                  .address = exit.address.value,
                                  .direction = direction_of(exit.direction),
                                  .device = device,
                                  .size = exit.size,
                                  .answered_by = traces::AnsweredBy::kMonitor});
}

void TraceRecorder::on_hypercall(const ExitInfo& info, const HypercallExit& exit) {
  const auto argument = [&](unsigned n) { return n < exit.arguments ? exit.argument[n] : 0; };
  writer_.emit(traces::Hypercall{.time = info.time.value,
                                 .vcpu = info.vcpu,
                                 .name = exit.name,
                                 .number = exit.number,
                                 .result = exit.result,
                                 .items = exit.items,
                                 .argument0 = argument(0),
                                 .argument1 = argument(1),
                                 .argument2 = argument(2)});
}

void TraceRecorder::on_injection(unsigned vcpu, Cycles time, const Injection& injection) {
  writer_.emit(traces::Injection{.time = time.value,
                                 .vcpu = vcpu,
                                 .type = type_of(injection.kind),
                                 .vector = injection.vector,
                                 .has_error = injection.has_error,
                                 .error = injection.error});
}

void TraceRecorder::on_marker(unsigned vcpu, Cycles time, uint32_t value) {
  writer_.emit(traces::Marker{.time = time.value, .vcpu = vcpu, .value = value, .name = {}});
}

void TraceRecorder::on_counters(Cycles time, std::span<const NamedCounter> counters) {
  for (const NamedCounter& c : counters) writer_.emit(traces::Counter{.time = time.value, .vcpu = 0, .name = c.name, .value = c.value});
}

traces::Numbering numbering_of(const Machine& machine) {
  if (machine.capabilities().hardware_exits) return traces::Numbering::kVmx;
  const bool by_kvm = machine.name() == "kvm" && !machine.capabilities().sees_inside;  // an interpreter in its place has the model's
  return by_kvm ? traces::Numbering::kKvm : traces::Numbering::kModel;
}

traces::Clock trace_clock_of(const Machine& machine) {
  const bool modelled = machine.capabilities().time_unit == TimeUnit::kModelledCycles;
  return {.unit = modelled ? traces::ClockUnit::kModelledCycles : traces::ClockUnit::kHostNanoseconds, .ticks_per_second = 1'000'000'000};
}

}  // namespace ringside::vmm
