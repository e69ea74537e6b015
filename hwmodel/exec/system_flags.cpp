// CLI STI PUSHF POPF CLAC STAC, with the virtual interrupt flag of CR4.VME and CR4.PVI [SDM 3A 20.3.3, 20.4].
#include "hwmodel/exec/system_flags.h"

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/system.h"

namespace ringside::hw {
namespace {

// Which interrupt flag an instruction without enough I/O privilege works on.
enum class InterruptFlag : uint8_t { kReal, kVirtual, kForbidden };
InterruptFlag interrupt_flag(const Cpu& cpu) {
  if (cpu.in_real_mode() || cpu.cpl <= cpu.iopl()) return InterruptFlag::kReal;   // virtual-8086 mode runs at CPL 3
  if (cpu.in_v86_mode()) return cpu.cr4 & cr4::kVme ? InterruptFlag::kVirtual : InterruptFlag::kForbidden;
  return cpu.cpl == 3 && (cpu.cr4 & cr4::kPvi) ? InterruptFlag::kVirtual : InterruptFlag::kForbidden;
}

const Uop* cli(Cpu& cpu, const Uop* op) {
  switch (interrupt_flag(cpu)) {
    case InterruptFlag::kReal: cpu.system_flags &= ~rflags::kIf; break;
    case InterruptFlag::kVirtual: cpu.system_flags &= ~rflags::kVif; break;
    case InterruptFlag::kForbidden: return raise(cpu, op, Vector::kGP, 0);
  }
  return next(cpu, op);
}

const Uop* sti(Cpu& cpu, const Uop* op) {
  switch (interrupt_flag(cpu)) {
    case InterruptFlag::kReal:
      if (!(cpu.system_flags & rflags::kIf)) cpu.interrupt_shadow = kShadowSti;
      cpu.system_flags |= rflags::kIf;
      break;
    case InterruptFlag::kVirtual:
      if (cpu.system_flags & rflags::kVip) return raise(cpu, op, Vector::kGP, 0);
      cpu.system_flags |= rflags::kVif;
      break;
    case InterruptFlag::kForbidden: return raise(cpu, op, Vector::kGP, 0);
  }
  return leave_next(cpu, op);
}

bool below_iopl3_in_v86(const Cpu& cpu) { return cpu.in_v86_mode() && cpu.iopl() < 3; }

const Uop* pushf(Cpu& cpu, const Uop* op) {
  uint64_t image = cpu.rflags() & ~(rflags::kVm | rflags::kRf);
  if (below_iopl3_in_v86(cpu)) {
    if (!(cpu.cr4 & cr4::kVme) || op->operand_size != 2) return raise(cpu, op, Vector::kGP, 0);
    image = (image & ~rflags::kIf) | rflags::kIopl;
    if (cpu.system_flags & rflags::kVif) image |= rflags::kIf;
  }
  return push(cpu, op, image, op->operand_size) ? next(cpu, op) : fault(cpu, op);
}

// The bits a POPF changes at this privilege. RF is cleared by all of them.
uint64_t popf_mask(const Cpu& cpu) {
  uint64_t mask = kUserFlags;
  if (cpu.in_real_mode() || cpu.cpl == 0) mask |= rflags::kIopl;
  if (cpu.in_real_mode() || cpu.cpl <= cpu.iopl()) mask |= rflags::kIf;
  return mask;
}

const Uop* popf(Cpu& cpu, const Uop* op) {
  const bool virtual_if = below_iopl3_in_v86(cpu);
  if (virtual_if && (!(cpu.cr4 & cr4::kVme) || op->operand_size != 2)) return raise(cpu, op, Vector::kGP, 0);
  const uint64_t rsp = cpu.gpr[kRsp];
  uint64_t image;
  if (!pop(cpu, op, image, op->operand_size)) return fault(cpu, op);
  uint64_t mask = op->operand_size == 2 ? popf_mask(cpu) & 0xffff : popf_mask(cpu);
  if (virtual_if) {
    const bool held = (image & rflags::kIf) && (cpu.system_flags & rflags::kVip);
    if (held || (image & rflags::kTf)) {
      cpu.gpr[kRsp] = rsp;
      return raise(cpu, op, Vector::kGP, 0);
    }
    mask = (mask & ~rflags::kIf) | rflags::kVif;
    if (image & rflags::kIf) image |= rflags::kVif;
  }
  const uint64_t old = cpu.system_flags;
  write_flags(cpu, image & ~rflags::kRf, mask | rflags::kRf);
  if ((old ^ cpu.system_flags) & rflags::kAc) cpu.mode_changed();
  return leave_next(cpu, op);
}

template <bool kSet>
const Uop* set_ac(Cpu& cpu, const Uop* op) {
  if (cpu.cpl != 0) return raise(cpu, op, Vector::kUD);
  if (kSet) cpu.system_flags |= rflags::kAc;
  else cpu.system_flags &= ~rflags::kAc;
  cpu.mode_changed();
  return next(cpu, op);
}

bool bind_flags_stack(Uop& uop, unsigned size, Handler handler) {
  uop.operand_size = static_cast<uint8_t>(size);
  return bind_to(uop, handler);
}
template <unsigned kSize, Handler kHandler>
bool bind_sized(const Decoded&, Uop& uop) { return bind_flags_stack(uop, kSize, kHandler); }

constexpr auto kNone = Privilege::kNone;
constexpr auto kIopl = Privilege::kIopl;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kSystem = CostClass::kSystem;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_CLI, kIopl, kYes, kSystem, false, "SDM 2A 3.2 CLI", bind_handler<cli>},
    {ZYDIS_MNEMONIC_STI, kIopl, kYes, kSystem, true, "SDM 2B 4.3 STI", bind_handler<sti>},
    {ZYDIS_MNEMONIC_PUSHF, kNone, kYes, CostClass::kStack, false, "SDM 2B 4.3 PUSHF", bind_sized<2, pushf>},
    {ZYDIS_MNEMONIC_PUSHFD, kNone, kYes, CostClass::kStack, false, "SDM 2B 4.3 PUSHF", bind_sized<4, pushf>},
    {ZYDIS_MNEMONIC_PUSHFQ, kNone, kYes, CostClass::kStack, false, "SDM 2B 4.3 PUSHF", bind_sized<8, pushf>},
    {ZYDIS_MNEMONIC_POPF, kNone, kYes, kSystem, true, "SDM 2B 4.3 POPF", bind_sized<2, popf>},
    {ZYDIS_MNEMONIC_POPFD, kNone, kYes, kSystem, true, "SDM 2B 4.3 POPF", bind_sized<4, popf>},
    {ZYDIS_MNEMONIC_POPFQ, kNone, kYes, kSystem, true, "SDM 2B 4.3 POPF", bind_sized<8, popf>},
    {ZYDIS_MNEMONIC_CLAC, Privilege::kCpl0, kYes, kSystem, false, "SDM 2A 3.2 CLAC", bind_handler<set_ac<false>>},
    {ZYDIS_MNEMONIC_STAC, Privilege::kCpl0, kYes, kSystem, false, "SDM 2B 4.3 STAC", bind_handler<set_ac<true>>},
};

}  // namespace

std::span<const InstructionInfo> flag_control_rows() { return kRows; }

}  // namespace ringside::hw
