// Recognizing instructions that mean to enter ring 0.
#include "vmm/machines/kvm/ring/ring_trap.h"

#include "hwmodel/machine/cpu.h"

namespace ringside::vmm {

namespace {

using hw::Vector;

constexpr uint8_t number(Vector v) { return static_cast<uint8_t>(v); }

// Opcode bytes behind the prefixes; empty where a LOCK makes any of these instructions undefined.
std::span<const uint8_t> opcode(std::span<const uint8_t> code, bool wide) {
  size_t i = 0;
  for (bool more = true; more && i < code.size();) {
    switch (code[i]) {
      case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf2: case 0xf3: ++i; break;
      case 0xf0: return {};
      default: more = false;
    }
  }
  if (wide && i < code.size() && (code[i] & 0xf0) == 0x40) ++i;
  return code.subspan(i);
}

bool starts_with(std::span<const uint8_t> code, uint8_t first, uint8_t second) {
  return code.size() >= 2 && code[0] == first && code[1] == second;
}

RingException software(uint8_t vector) { return {.vector = vector, .software = true}; }

// Error code of a fault on an IDT entry that no external event caused [SDM 3A 6.13 "Error Code"]: an INT n that the gate's DPL refused.
bool refused_gate(const RingException& e) { return e.vector == number(Vector::kGP) && (e.error & 3) == 2; }

// INT n, INT3 or INTO at `code`, on hosts that call it undefined.
std::optional<RingException> software_interrupt(std::span<const uint8_t> code, bool wide, uint64_t rflags) {
  if (code.empty()) return std::nullopt;
  if (code[0] == 0xcd && code.size() >= 2) return software(code[1]);
  if (code[0] == 0xcc) return software(number(Vector::kBP));
  if (code[0] == 0xce && !wide && (rflags & hw::rflags::kOf)) return software(number(Vector::kOF));
  return std::nullopt;
}

}  // namespace

bool ends_with_syscall(std::span<const uint8_t> before) {
  return before.size() >= 2 && starts_with(before.last(2), 0x0f, 0x05);
}

bool is_trap_of_interrupt(uint8_t vector) { return vector == number(Vector::kBP) || vector == number(Vector::kOF); }

RingEvent event_of_syscall(SyscallEnabled syscall, RingContext& context) {
  context.rip = context.gpr[hw::kRcx] - 2;
  context.rflags = context.gpr[hw::kR11];
  if (syscall == SyscallEnabled::kNo) return RingException{.vector = number(Vector::kUD)};
  return RingSystemCall{.by = RingSystemCall::By::kSyscall};
}

RingEvent event_of(const RingException& exception, const CodeWindow& code, SyscallEnabled syscall, RingContext& context) {
  const bool wide = context.segment[hw::kCs].long_code();
  if (refused_gate(exception)) return software(static_cast<uint8_t>(exception.error >> 3));
  if (is_trap_of_interrupt(exception.vector)) {
    const bool long_form = code.before.size() >= 2 && code.before.back() == exception.vector && code.before[code.before.size() - 2] == 0xcd;
    context.rip -= long_form ? 2 : 1;
    return software(exception.vector);
  }
  const bool undefined = exception.vector == number(Vector::kUD);
  const bool general = exception.vector == number(Vector::kGP) && exception.error == 0;
  if (!undefined && !general) return exception;
  const auto bytes = opcode(code.at, wide);
  // AMD's processors don't have SYSENTER in long mode, and with IA32_SYSENTER_CS = 0 Intel's refuse it.
  if (starts_with(bytes, 0x0f, 0x34)) return RingSystemCall{.by = RingSystemCall::By::kSysenter};
  if (!undefined) return exception;
  if (wide && syscall == SyscallEnabled::kYes && starts_with(bytes, 0x0f, 0x05)) return RingSystemCall{.by = RingSystemCall::By::kSyscall};
  if (const auto interrupt = software_interrupt(bytes, wide, context.rflags)) return *interrupt;
  return exception;
}

}  // namespace ringside::vmm
