// SYSCALL SYSRET SYSENTER SYSEXIT: flat segments made up from an MSR, no descriptor is read [SDM 3A 5.8.7, 5.8.8].
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/far_control.h"
#include "hwmodel/exec/system_flags.h"

namespace ringside::hw {
namespace {

enum class CodeWidth : uint8_t { k32, k64 };

// Base 0, limit 4 GiB; code: execute/read, accessed; stack: read/write, accessed.
Segment flat_code(uint16_t selector, unsigned dpl, CodeWidth width) {
  using namespace access_rights;
  const uint32_t rights = kG | (width == CodeWidth::k64 ? kL : kDb) | kP | kS | 0xb | dpl << kDplShift;
  return {.base = 0, .limit = 0xffffffff, .selector = selector, .rights = rights};
}
Segment flat_stack(uint16_t selector, unsigned dpl) {
  using namespace access_rights;
  return {.base = 0, .limit = 0xffffffff, .selector = selector, .rights = kG | kDb | kP | kS | 0x3 | dpl << kDplShift};
}

void enter_flat(Cpu& cpu, uint16_t cs, uint16_t ss, unsigned cpl, CodeWidth width, uint64_t rip) {
  cpu.segment[kSs] = flat_stack(ss, cpl);
  enter_target(cpu, {flat_code(cs, cpl, width), rip, cpl});
}

const Uop* stop_for_monitor(Cpu& cpu, const Uop* op, StopRing0::By by) {
  cpu.stop = StopRing0{.by = by, .vector = 0, .has_error = false, .error = 0, .address = 0};
  return stop(cpu, op);
}

// Intel's: 64-bit mode only.
const Uop* syscall(Cpu& cpu, const Uop* op) {
  if (!(cpu.efer & efer::kSce) || !cpu.in_64bit_mode()) return raise(cpu, op, Vector::kUD);
  if (cpu.ring0 == Ring0::kMonitor) return stop_for_monitor(cpu, op, StopRing0::By::kSyscall);
  trap_on_new_flags(cpu);
  const uint64_t flags = cpu.rflags();
  cpu.gpr[kRcx] = cpu.rip_after(op);
  cpu.gpr[kR11] = flags & ~rflags::kRf;
  cpu.set_rflags(flags & ~(cpu.msr.fmask | rflags::kRf));
  const auto selector = static_cast<uint16_t>(cpu.msr.star >> 32 & 0xfffc);
  enter_flat(cpu, selector, static_cast<uint16_t>(selector + 8), 0, CodeWidth::k64, cpu.msr.lstar);
  return leave(cpu, op);
}

const Uop* sysret(Cpu& cpu, const Uop* op) {
  if (!(cpu.efer & efer::kSce) || !cpu.in_64bit_mode()) return raise(cpu, op, Vector::kUD);
  if (cpu.cpl != 0) return raise(cpu, op, Vector::kGP, 0);
  const bool to64 = op->flags & kOperandRexW;
  const uint64_t rip = to64 ? cpu.gpr[kRcx] : static_cast<uint32_t>(cpu.gpr[kRcx]);
  if (!canonical(rip)) return raise(cpu, op, Vector::kGP, 0);
  trap_on_new_flags(cpu);
  constexpr uint64_t kKept = kArchitecturalFlags & ~(rflags::kRf | rflags::kVm);
  cpu.set_rflags(cpu.gpr[kR11] & kKept);
  const auto base = static_cast<uint16_t>(cpu.msr.star >> 48);
  const auto cs = static_cast<uint16_t>((to64 ? base + 16 : base) | 3), ss = static_cast<uint16_t>((base + 8) | 3);
  enter_flat(cpu, cs, ss, 3, to64 ? CodeWidth::k64 : CodeWidth::k32, rip);
  // With TF restored the trap comes at once, before the program's next instruction.
  if (cpu.system_flags & rflags::kTf) raise_debug(cpu, dr6::kBs);
  return leave(cpu, op);
}

const Uop* sysenter(Cpu& cpu, const Uop* op) {
  if (cpu.in_real_mode() || (cpu.msr.sysenter_cs & 0xfffc) == 0) return raise(cpu, op, Vector::kGP, 0);
  if (cpu.ring0 == Ring0::kMonitor) return stop_for_monitor(cpu, op, StopRing0::By::kSysenter);
  const bool wide = cpu.in_long_mode();
  cpu.system_flags &= ~(rflags::kVm | rflags::kIf | rflags::kRf);
  cpu.gpr[kRsp] = wide ? cpu.msr.sysenter_esp : static_cast<uint32_t>(cpu.msr.sysenter_esp);
  const auto cs = static_cast<uint16_t>(cpu.msr.sysenter_cs & 0xfffc);
  const uint64_t rip = wide ? cpu.msr.sysenter_eip : static_cast<uint32_t>(cpu.msr.sysenter_eip);
  enter_flat(cpu, cs, static_cast<uint16_t>(cs + 8), 0, wide ? CodeWidth::k64 : CodeWidth::k32, rip);
  return leave(cpu, op);
}

const Uop* sysexit(Cpu& cpu, const Uop* op) {
  const bool to64 = (op->flags & kOperandRexW) && cpu.in_64bit_mode();
  if (cpu.in_real_mode() || (cpu.msr.sysenter_cs & 0xfffc) == 0 || cpu.cpl != 0) return raise(cpu, op, Vector::kGP, 0);
  if (to64 && (!canonical(cpu.gpr[kRcx]) || !canonical(cpu.gpr[kRdx]))) return raise(cpu, op, Vector::kGP, 0);
  const auto base = static_cast<uint16_t>((cpu.msr.sysenter_cs & 0xfffc) + (to64 ? 32 : 16));
  cpu.gpr[kRsp] = to64 ? cpu.gpr[kRcx] : static_cast<uint32_t>(cpu.gpr[kRcx]);
  const uint64_t rip = to64 ? cpu.gpr[kRdx] : static_cast<uint32_t>(cpu.gpr[kRdx]);
  enter_flat(cpu, base | 3, static_cast<uint16_t>((base + 8) | 3), 3, to64 ? CodeWidth::k64 : CodeWidth::k32, rip);
  return leave(cpu, op);
}

template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_SYSCALL, Privilege::kTrap, Sensitive::kYes, CostClass::kSystem, true, "SDM 2B 4.3 SYSCALL", bind_fixed<syscall>},
    {ZYDIS_MNEMONIC_SYSRET, Privilege::kCpl0, Sensitive::kYes, CostClass::kSystem, true, "SDM 2B 4.3 SYSRET", bind_fixed<sysret>},
    {ZYDIS_MNEMONIC_SYSENTER, Privilege::kTrap, Sensitive::kYes, CostClass::kSystem, true, "SDM 2B 4.3 SYSENTER", bind_fixed<sysenter>},
    {ZYDIS_MNEMONIC_SYSEXIT, Privilege::kCpl0, Sensitive::kYes, CostClass::kSystem, true, "SDM 2B 4.3 SYSEXIT", bind_fixed<sysexit>},
};

}  // namespace

std::span<const InstructionInfo> fast_call_rows() { return kRows; }

}  // namespace ringside::hw
