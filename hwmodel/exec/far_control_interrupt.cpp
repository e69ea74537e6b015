// INT n, INT3, INTO, INT1 [SDM 2A 3.2 "INT n/INTO/INT3/INT1"]. The entry into the handler is event delivery (deliver.h).
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/deliver_gate.h"
#include "hwmodel/exec/far_control.h"
#include "hwmodel/exec/task_state.h"

namespace ringside::hw {
namespace {

bool software_interrupt(Cpu& cpu, const Uop* op, uint8_t vector, SoftwareInterrupt kind) {
  if (cpu.ring0 == Ring0::kMonitor) {
    cpu.stop = StopRing0{.by = StopRing0::By::kSoftware, .vector = vector, .has_error = false, .error = 0, .address = 0};
    return false;
  }
  trap_on_new_flags(cpu);
  return deliver_software(cpu, vector, kind, cpu.rip_after(op));
}

// INT n in virtual-8086 mode: six ways, by IOPL, CR4.VME and the redirection bitmap [SDM 3A table 20-2].
bool v86_interrupt(Cpu& cpu, const Uop* op, uint8_t vector) {
  const bool monitor_may = cpu.iopl() == 3;
  if (!(cpu.cr4 & cr4::kVme)) {
    return monitor_may ? software_interrupt(cpu, op, vector, SoftwareInterrupt::kChecked) : cpu.raise(Vector::kGP, 0);
  }
  bool to_monitor;
  if (!redirection_bit(cpu, vector, to_monitor)) return false;
  if (to_monitor) return monitor_may ? software_interrupt(cpu, op, vector, SoftwareInterrupt::kChecked) : cpu.raise(Vector::kGP, 0);
  // Straight to the 8086 program's own handler, with IF or its virtual image.
  uint64_t flags = cpu.rflags(), clear = rflags::kTf | (monitor_may ? rflags::kIf : rflags::kVif);
  if (!monitor_may) {
    flags = (flags & ~rflags::kIf) | rflags::kIopl;
    if (cpu.system_flags & rflags::kVif) flags |= rflags::kIf;
  }
  trap_on_new_flags(cpu);
  return enter_through_vector_table(cpu, 0, vector, cpu.rip_after(op), static_cast<uint16_t>(flags), clear);
}

const Uop* int_n(Cpu& cpu, const Uop* op) {
  const auto vector = static_cast<uint8_t>(op->imm);
  const bool done = cpu.in_v86_mode() ? v86_interrupt(cpu, op, vector) : software_interrupt(cpu, op, vector, SoftwareInterrupt::kChecked);
  return done ? leave(cpu, op) : fault(cpu, op);
}

// INT3 and INTO: no IOPL check in virtual-8086 mode, no redirection.
template <Vector kVector, SoftwareInterrupt kKind>
const Uop* fixed_interrupt(Cpu& cpu, const Uop* op) {
  return software_interrupt(cpu, op, static_cast<uint8_t>(kVector), kKind) ? leave(cpu, op) : fault(cpu, op);
}

const Uop* into(Cpu& cpu, const Uop* op) {
  return cpu.arithmetic.of() ? fixed_interrupt<Vector::kOF, SoftwareInterrupt::kChecked>(cpu, op) : leave_next(cpu, op);
}

template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_INT, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 INT n/INTO/INT3/INT1", bind_fixed<int_n>},
    {ZYDIS_MNEMONIC_INT3, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 INT n/INTO/INT3/INT1",
     bind_fixed<fixed_interrupt<Vector::kBP, SoftwareInterrupt::kChecked>>},
    {ZYDIS_MNEMONIC_INT1, Privilege::kTrap, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 INT n/INTO/INT3/INT1",
     bind_fixed<fixed_interrupt<Vector::kDB, SoftwareInterrupt::kPrivileged>>},
    {ZYDIS_MNEMONIC_INTO, Privilege::kNone, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 INT n/INTO/INT3/INT1", bind_fixed<into>},
};

}  // namespace

std::span<const InstructionInfo> interrupt_rows() { return kRows; }

}  // namespace ringside::hw
