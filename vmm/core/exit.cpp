// Names and one-line texts of exit causes.
#include "vmm/core/exit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "traces/schema/exit_codes.h"

namespace ringside::vmm {

namespace {

std::string_view text_of(Direction d) { return d == Direction::kRead ? "read" : "write"; }

std::string_view text_of(InterruptedBy by) {
  switch (by) {
    case InterruptedBy::kSlice: return "slice";
    case InterruptedBy::kKick: return "kick";
    case InterruptedBy::kDeadline: return "deadline";
    case InterruptedBy::kInstructions: return "instruction bound";
  }
  return "";
}

std::string_view text_of(SystemEventKind kind) {
  switch (kind) {
    case SystemEventKind::kPowerOff: return "power-off";
    case SystemEventKind::kReset: return "reset";
    case SystemEventKind::kCrash: return "crash";
    case SystemEventKind::kOther: return "other";
  }
  return "";
}

// The first value of a port write, as a number.
uint32_t first_value(const PortExit& exit) {
  uint32_t value = 0;
  for (unsigned i = 0; i < exit.size && i < exit.data.size(); ++i) value |= uint32_t{exit.data[i]} << (8 * i);
  return value;
}

}  // namespace

std::string_view name_of(const ExitCause& cause) {
  return std::visit(overloaded{
                        [](const PortExit&) { return std::string_view("port"); },
                        [](const MmioExit&) { return std::string_view("mmio"); },
                        [](const HaltExit&) { return std::string_view("halt"); },
                        [](const ShutdownExit&) { return std::string_view("shutdown"); },
                        [](const FailEntryExit&) { return std::string_view("fail-entry"); },
                        [](const InternalErrorExit&) { return std::string_view("internal-error"); },
                        [](const DebugExit&) { return std::string_view("debug"); },
                        [](const InterruptedExit&) { return std::string_view("interrupted"); },
                        [](const HypercallExit&) { return std::string_view("hypercall"); },
                        [](const SystemEventExit&) { return std::string_view("system-event"); },
                        [](const MsrExit&) { return std::string_view("msr"); },
                        [](const HardwareExit&) { return std::string_view("hardware"); },
                        [](const TrapExit&) { return std::string_view("trap"); },
                        [](const UnknownExit&) { return std::string_view("unknown"); },
                    },
                    cause);
}

std::string to_text(const ExitCause& cause) {
  return std::visit(
      overloaded{
          [](const PortExit& e) {
            std::string text = fmt::format("port {} {:#x} size {}", text_of(e.direction), e.port, e.size);
            if (e.count != 1) text += fmt::format(" count {}", e.count);
            if (e.direction == Direction::kWrite && !e.data.empty()) text += fmt::format(" value {:#x}", first_value(e));
            return text;
          },
          [](const MmioExit& e) {
            std::string text = fmt::format("mmio {} {:#x} size {}", text_of(e.direction), e.address.value, e.size);
            if (e.direction == Direction::kWrite) text += fmt::format(" value {:#x}", e.value);
            return text;
          },
          [](const HaltExit& e) { return fmt::format("halt with interrupts {}", e.interrupts_enabled ? "enabled" : "disabled"); },
          [](const ShutdownExit&) { return std::string("shutdown (triple fault)"); },
          [](const FailEntryExit& e) { return fmt::format("entry refused, hardware reason {:#x}", e.hardware_reason); },
          [](const InternalErrorExit& e) { return fmt::format("internal error {}", e.suberror); },
          [](const DebugExit& e) { return fmt::format("debug vector {} dr6 {:#x}", e.vector, e.dr6); },
          [](const InterruptedExit& e) { return fmt::format("interrupted by {}", text_of(e.by)); },
          [](const HypercallExit& e) {
            if (e.name.empty()) return fmt::format("hypercall {}", e.number);
            return fmt::format("hypercall {}({:#x}) = {}", e.name, fmt::join(std::span(e.argument).first(e.arguments), ", "), static_cast<int64_t>(e.result));
          },
          [](const SystemEventExit& e) { return fmt::format("system event {} ({})", text_of(e.kind), e.raw); },
          [](const HardwareExit& e) {
            const traces::ExitReason reason = traces::reason_of_vmx(e.reason);
            return fmt::format("{} (reason {}) qualification {:#x}", traces::info(reason).name, e.reason, e.qualification);
          },
          [](const TrapExit& e) {
            return fmt::format("{} (vector {}) error {:#x} address {:#x}", traces::info(e.reason).name, e.vector, e.error, e.address);
          },
          [](const MsrExit& e) { return fmt::format("msr {} {:#x}", text_of(e.direction), e.index); },
          [](const UnknownExit&) { return std::string("unknown"); },
      },
      cause);
}

}  // namespace ringside::vmm
