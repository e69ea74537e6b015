// The mapping from KVM_EXIT_* to causes [Linux Documentation/virt/kvm/api.rst 5 "The kvm_run structure"].
#include "vmm/machines/kvm/kvm_exit.h"

#include <algorithm>
#include <cstring>

namespace ringside::vmm {

namespace {

ExitCause port_exit(kvm_run& run, std::span<uint8_t> area) {
  PortExit exit{.port = run.io.port,
                .size = run.io.size,
                .direction = run.io.direction == KVM_EXIT_IO_OUT ? Direction::kWrite : Direction::kRead,
                .count = run.io.count,
                .data = {}};
  // KVM keeps its word, but a span out of the mapping would be our bug to pay for.
  const uint64_t offset = run.io.data_offset, bytes = uint64_t{run.io.size} * run.io.count;
  if (offset <= area.size() && bytes <= area.size() - offset) exit.data = area.subspan(offset, bytes);
  return exit;
}

ExitCause mmio_exit(const kvm_run& run) {
  const uint8_t size = static_cast<uint8_t>(std::min<uint32_t>(run.mmio.len, 8));
  MmioExit exit{.address = GuestPhysical(run.mmio.phys_addr),
                .size = size,
                .direction = run.mmio.is_write ? Direction::kWrite : Direction::kRead,
                .value = 0};
  if (run.mmio.is_write) std::memcpy(&exit.value, run.mmio.data, size);
  return exit;
}

ExitCause internal_error_exit(const kvm_run& run) {
  InternalErrorExit exit{.suberror = run.internal.suberror, .data = {}};
  const size_t words = std::min<size_t>(run.internal.ndata, exit.data.size());
  std::copy_n(run.internal.data, words, exit.data.begin());
  return exit;
}

ExitCause system_event_exit(const kvm_run& run) {
  SystemEventExit exit{.kind = SystemEventKind::kOther, .raw = run.system_event.type};
  switch (run.system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN: exit.kind = SystemEventKind::kPowerOff; break;
    case KVM_SYSTEM_EVENT_RESET: exit.kind = SystemEventKind::kReset; break;
    case KVM_SYSTEM_EVENT_CRASH: exit.kind = SystemEventKind::kCrash; break;
  }
  return exit;
}

ExitCause hypercall_exit(const kvm_run& run) {
  HypercallExit exit{.number = run.hypercall.nr, .argument = {}, .result = 0};
  std::copy_n(run.hypercall.args, exit.argument.size(), exit.argument.begin());
  return exit;
}

bool names_port(uint8_t opcode, bool write, uint8_t size) {
  // IN: E4 E5 EC ED, OUT: E6 E7 EE EF; bit 0: more than a byte [SDM 2D B.2.1].
  const uint8_t base = write ? 0xe6 : 0xe4;
  return (opcode & ~9u) == base && ((opcode & 1) != 0) == (size > 1);
}

}  // namespace

ExitCause classify(kvm_run& run, std::span<uint8_t> area, const Registers& registers) {
  switch (run.exit_reason) {
    case KVM_EXIT_IO: return port_exit(run, area);
    case KVM_EXIT_MMIO: return mmio_exit(run);
    case KVM_EXIT_HLT: return HaltExit{.interrupts_enabled = (registers.rflags & hw::rflags::kIf) != 0};
    case KVM_EXIT_SHUTDOWN: return ShutdownExit{};
    case KVM_EXIT_FAIL_ENTRY: return FailEntryExit{.hardware_reason = run.fail_entry.hardware_entry_failure_reason};
    case KVM_EXIT_INTERNAL_ERROR: return internal_error_exit(run);
    case KVM_EXIT_DEBUG: return DebugExit{.vector = run.debug.arch.exception, .dr6 = run.debug.arch.dr6};
    case KVM_EXIT_INTR: return InterruptedExit{.by = InterruptedBy::kSlice};
    case KVM_EXIT_HYPERCALL: return hypercall_exit(run);
    case KVM_EXIT_SYSTEM_EVENT: return system_event_exit(run);
    case KVM_EXIT_X86_RDMSR: return MsrExit{.index = run.msr.index, .direction = Direction::kRead, .value = 0, .fault = true};
    case KVM_EXIT_X86_WRMSR:
      return MsrExit{.index = run.msr.index, .direction = Direction::kWrite, .value = run.msr.data, .fault = true};
    default: return UnknownExit{};
  }
}

unsigned port_instruction_distance(const PortExit& exit, std::span<const uint8_t> before, std::span<const uint8_t> at) {
  const bool write = exit.direction == Direction::kWrite;
  if (!write) return 0;  // IN never moves rip before it completes
  // Still at the instruction? Skip prefixes (operand size, repeat, segment, REX), then look for OUT or OUTS of this port.
  size_t i = 0;
  while (i < at.size() && (at[i] == 0x66 || at[i] == 0x67 || at[i] == 0xf2 || at[i] == 0xf3 || (at[i] & 0xf0) == 0x40 ||
                           at[i] == 0x26 || at[i] == 0x2e || at[i] == 0x36 || at[i] == 0x3e || at[i] == 0x64 || at[i] == 0x65))
    ++i;
  if (i < at.size()) {
    if ((at[i] & 0xfe) == 0x6e) return 0;
    if (names_port(at[i], true, exit.size) && ((at[i] & 8) || (i + 1 < at.size() && at[i + 1] == exit.port))) return 0;
  }
  const size_t n = before.size();
  const auto with_prefix = [&](unsigned length) {
    // 16-bit OUT in 32/64-bit code and 32-bit OUT in 16-bit code carry an operand-size prefix.
    return n > length && before[n - length - 1] == 0x66 ? length + 1 : length;
  };
  if (n >= 1 && (before[n - 1] & 0xfe) == 0xee && names_port(before[n - 1], true, exit.size)) return with_prefix(1);
  if (n >= 2 && before[n - 1] == exit.port && (before[n - 2] & 0xfe) == 0xe6 && names_port(before[n - 2], true, exit.size))
    return with_prefix(2);
  return 0;
}

}  // namespace ringside::vmm
