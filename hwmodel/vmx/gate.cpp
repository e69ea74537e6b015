// The gates before instructions that may exit in non-root mode [SDM 3C 26.1 "Instructions that Cause VM Exits"]. A gate either exits
// or lets the instruction after it run. Faults an instruction would raise for lack of privilege come before its exit [SDM 3C 26.1.1], so
// gates of privileged instructions let CPL > 0 pass on to the fault.
#include "hwmodel/exec/access.h"
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/system_registers.h"
#include "hwmodel/exec/task_state.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw::vmx {
namespace {

const Uop* exit_at(Cpu& cpu, const Uop* op, ExitReason reason, uint64_t qualification = 0) {
  exit_without_instruction(cpu, reason);
  cpu.guest->exit_qualification = qualification;
  cpu.guest->exit_instruction_length = op->length;
  cpu.stop = StopVmExit{static_cast<uint16_t>(reason), qualification};
  return stop(cpu, op);
}

bool privileged(const Cpu& cpu) { return cpu.cpl == 0; }

// --- instructions whose exit depends on one control, or on none ----------------------------------------------------------------
template <ExitReason kReason>
const Uop* always(Cpu& cpu, const Uop* op) { return exit_at(cpu, op, kReason); }
template <ExitReason kReason>
const Uop* always_at_cpl0(Cpu& cpu, const Uop* op) { return privileged(cpu) ? exit_at(cpu, op, kReason) : next(cpu, op); }
template <ExitReason kReason, uint32_t kControl>
const Uop* by_primary_at_cpl0(Cpu& cpu, const Uop* op) {
  return privileged(cpu) && cpu.guest->primary(kControl) ? exit_at(cpu, op, kReason) : next(cpu, op);
}
template <ExitReason kReason, uint32_t kControl>
const Uop* by_secondary_at_cpl0(Cpu& cpu, const Uop* op) {
  return privileged(cpu) && cpu.guest->secondary(kControl) ? exit_at(cpu, op, kReason) : next(cpu, op);
}
template <ExitReason kReason, uint32_t kControl>
const Uop* by_secondary(Cpu& cpu, const Uop* op) { return cpu.guest->secondary(kControl) ? exit_at(cpu, op, kReason) : next(cpu, op); }

bool time_stamp_allowed(const Cpu& cpu) { return cpu.cpl == 0 || !(cpu.cr4 & cr4::kTsd); }
template <ExitReason kReason>
const Uop* time_stamp(Cpu& cpu, const Uop* op) {
  return time_stamp_allowed(cpu) && cpu.guest->primary(primary::kRdtsc) ? exit_at(cpu, op, kReason) : next(cpu, op);
}

const Uop* invlpg(Cpu& cpu, const Uop* op) {
  if (!privileged(cpu) || !cpu.guest->primary(primary::kInvlpg)) return next(cpu, op);
  uint64_t linear = effective_offset(cpu, op);
  if (op->code_size != 64) linear = static_cast<uint32_t>(cpu.segment[op->segment].base + linear);
  else if (op->segment == kFs || op->segment == kGs) linear += cpu.segment[op->segment].base;
  return exit_at(cpu, op, ExitReason::kInvlpg, linear);
}
// INVPCID exits by INVLPG exiting, where it is enabled at all.
const Uop* invpcid(Cpu& cpu, const Uop* op) {
  return privileged(cpu) && cpu.guest->primary(primary::kInvlpg) ? exit_at(cpu, op, ExitReason::kInvpcid) : next(cpu, op);
}

// --- control registers: dst is the number of the control register, src of the general one ---------------------------------------------
uint64_t operand(const Cpu& cpu, const Uop* op) { return op->code_size == 64 ? cpu.gpr[op->src] : static_cast<uint32_t>(cpu.gpr[op->src]); }

// True if writing `value` to CR0 or CR4 changes a bit the monitor owns, against what the guest believes it holds [SDM 3C 26.1.3].
bool owned_bit_changes(uint64_t value, uint64_t mask, uint64_t shadow) { return (value ^ shadow) & mask; }

bool cr3_exits(const ControlBlock& b, uint64_t value) {
  if (!b.primary(primary::kCr3Load)) return false;
  for (unsigned i = 0; i < b.cr3_target_count; ++i) {
    if (b.cr3_targets[i] == value) return false;
  }
  return true;
}

const Uop* mov_to_cr(Cpu& cpu, const Uop* op) {
  if (!privileged(cpu)) return next(cpu, op);
  const ControlBlock& b = *cpu.guest;
  const uint64_t value = operand(cpu, op), qualification = cr_qualification(op->dst, CrAccess::kMovTo, op->src);
  switch (op->dst) {
    case 0:
      if (owned_bit_changes(value, b.cr0_mask, b.cr0_shadow)) return exit_at(cpu, op, ExitReason::kCrAccess, qualification);
      // Bits the monitor owns keep their real value.
      return write_cr0(cpu, (cpu.cr0 & b.cr0_mask) | (value & ~b.cr0_mask)) ? leave_next(cpu, op) : fault(cpu, op);
    case 3: return cr3_exits(b, value) ? exit_at(cpu, op, ExitReason::kCrAccess, qualification) : next(cpu, op);
    case 4:
      if (owned_bit_changes(value, b.cr4_mask, b.cr4_shadow)) return exit_at(cpu, op, ExitReason::kCrAccess, qualification);
      return write_cr4(cpu, (cpu.cr4 & b.cr4_mask) | (value & ~b.cr4_mask)) ? leave_next(cpu, op) : fault(cpu, op);
    case 8: return b.primary(primary::kCr8Load) ? exit_at(cpu, op, ExitReason::kCrAccess, qualification) : next(cpu, op);
    default: return next(cpu, op);
  }
}

const Uop* mov_from_cr(Cpu& cpu, const Uop* op) {
  if (!privileged(cpu)) return next(cpu, op);
  const ControlBlock& b = *cpu.guest;
  const auto give = [&](uint64_t real, uint64_t mask, uint64_t shadow) {
    const uint64_t seen = (real & ~mask) | (shadow & mask);
    cpu.gpr[op->src] = op->code_size == 64 ? seen : static_cast<uint32_t>(seen);
    return leave_next(cpu, op);
  };
  const uint64_t qualification = cr_qualification(op->dst, CrAccess::kMovFrom, op->src);
  switch (op->dst) {
    case 0: return give(cpu.cr0, b.cr0_mask, b.cr0_shadow);
    case 3: return b.primary(primary::kCr3Store) ? exit_at(cpu, op, ExitReason::kCrAccess, qualification) : next(cpu, op);
    case 4: return give(cpu.cr4, b.cr4_mask, b.cr4_shadow);
    case 8: return b.primary(primary::kCr8Store) ? exit_at(cpu, op, ExitReason::kCrAccess, qualification) : next(cpu, op);
    default: return next(cpu, op);
  }
}

const Uop* clts(Cpu& cpu, const Uop* op) {
  const ControlBlock& b = *cpu.guest;
  const bool exits = privileged(cpu) && (b.cr0_mask & cr0::kTs) && (b.cr0_shadow & cr0::kTs);
  return exits ? exit_at(cpu, op, ExitReason::kCrAccess, cr_qualification(0, CrAccess::kClts, 0)) : next(cpu, op);
}

const Uop* mov_dr(Cpu& cpu, const Uop* op) {
  const bool exits = privileged(cpu) && cpu.guest->primary(primary::kMovDr);
  return exits ? exit_at(cpu, op, ExitReason::kDrAccess, dr_qualification(op->dst, op->src2, op->src)) : next(cpu, op);
}

// --- ports: src2 holds 1 for IN and INS, 2 for string forms, 4 for an immediate port; operand_size the width -------------------------
enum PortForm : uint8_t { kIn = 1, kString = 2, kImmediate = 4 };

const Uop* port(Cpu& cpu, const Uop* op) {
  const auto number = op->src2 & kImmediate ? static_cast<uint8_t>(op->imm) : reg<uint16_t>(cpu, kRdx);
  const unsigned size = op->operand_size;
  const ControlBlock& b = *cpu.guest;
  const bool by_privilege = cpu.in_real_mode() || (!cpu.in_v86_mode() && cpu.cpl <= cpu.iopl());
  if (!by_privilege && !check_port_bitmap(cpu, number, size)) {
    cpu.pending = {};
    cpu.stop = StopNone{};
    return next(cpu, op);  // the instruction finds the same and faults
  }
  bool exits = b.primary(primary::kUnconditionalIo);
  if (b.primary(primary::kIoBitmaps)) {
    exits = false;
    // An access that wraps around past FFFFH exits too [SDM 3C 26.1.3, IN].
    for (unsigned i = 0; i < size; ++i) exits |= number + i > 0xffff || b.io_bitmap[number + i];
  }
  if (!exits) return next(cpu, op);
  const bool repeated = op->flags & (kRep | kRepne);
  return exit_at(cpu, op, ExitReason::kIoInstruction,
                 io_qualification(number, size, op->src2 & kIn, op->src2 & kString, repeated, op->src2 & kImmediate));
}

template <ExitReason kReason>
const Uop* msr(Cpu& cpu, const Uop* op) {
  const ControlBlock& b = *cpu.guest;
  const auto number = static_cast<uint32_t>(cpu.gpr[kRcx]);
  const bool exits = privileged(cpu) && (!b.primary(primary::kMsrBitmaps) || b.msr_bitmap.intercepts(number, kReason == ExitReason::kWrmsr));
  return exits ? exit_at(cpu, op, kReason) : next(cpu, op);
}

template <ExitReason kReason>
const Uop* descriptor_table(Cpu& cpu, const Uop* op) {
  const bool umip_faults = cpu.cpl != 0 && (cpu.cr4 & cr4::kUmip);
  const bool exits = cpu.guest->secondary(secondary::kDescriptorTable) && !umip_faults && (privileged(cpu) || op->src2 != 0);
  return exits ? exit_at(cpu, op, kReason) : next(cpu, op);
}

// --- binding ------------------------------------------------------------------------------------------------------------------------
bool is_class(const Decoded& d, unsigned i, ZydisRegisterClass wanted) { return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == wanted; }

Handler mov_gate(const Decoded& d, Uop& gate) {
  const unsigned special = is_class(d, 0, ZYDIS_REGCLASS_CONTROL) || is_class(d, 0, ZYDIS_REGCLASS_DEBUG) ? 0 : 1;
  const bool control = is_class(d, special, ZYDIS_REGCLASS_CONTROL);
  if (!control && !is_class(d, special, ZYDIS_REGCLASS_DEBUG)) return nullptr;
  gate.dst = number_of(d, special);
  gate.src = number_of(d, 1 - special);
  gate.src2 = static_cast<uint8_t>(special);  // 1: the register is read
  if (!control) return mov_dr;
  return special == 0 ? mov_to_cr : mov_from_cr;
}

Handler port_gate(const Decoded& d, Uop& gate, uint8_t form) {
  const bool string = form & kString;
  const unsigned data = form & kIn ? 0 : 1;
  if (!string && d.is_imm(1 - data)) form |= kImmediate;
  gate.src2 = form;
  gate.operand_size = static_cast<uint8_t>(string ? d.insn.operand_width / 8 : d.size(data));
  return port;
}

Handler gate_handler(const Decoded& d, Uop& gate) {
  using enum ExitReason;
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_CPUID: return always<kCpuid>;
    case ZYDIS_MNEMONIC_INVD: return always_at_cpl0<kInvd>;
    case ZYDIS_MNEMONIC_HLT: return by_primary_at_cpl0<kHlt, primary::kHlt>;
    case ZYDIS_MNEMONIC_INVLPG: return invlpg;
    case ZYDIS_MNEMONIC_INVPCID: return invpcid;
    case ZYDIS_MNEMONIC_RDPMC: return by_primary_at_cpl0<kRdpmc, primary::kRdpmc>;
    case ZYDIS_MNEMONIC_RDTSC: return time_stamp<kRdtsc>;
    case ZYDIS_MNEMONIC_RDTSCP: return time_stamp<kRdtscp>;
    case ZYDIS_MNEMONIC_WBINVD: return by_secondary_at_cpl0<kWbinvd, secondary::kWbinvd>;
    case ZYDIS_MNEMONIC_RDRAND: return by_secondary<kRdrand, secondary::kRdrand>;
    case ZYDIS_MNEMONIC_RDSEED: return by_secondary<kRdseed, secondary::kRdseed>;
    case ZYDIS_MNEMONIC_MOV: return mov_gate(d, gate);
    case ZYDIS_MNEMONIC_CLTS: return clts;
    case ZYDIS_MNEMONIC_RDMSR: return msr<kRdmsr>;
    case ZYDIS_MNEMONIC_WRMSR: return msr<kWrmsr>;
    case ZYDIS_MNEMONIC_IN: return port_gate(d, gate, kIn);
    case ZYDIS_MNEMONIC_OUT: return port_gate(d, gate, 0);
    case ZYDIS_MNEMONIC_INSB: case ZYDIS_MNEMONIC_INSW: case ZYDIS_MNEMONIC_INSD: return port_gate(d, gate, kIn | kString);
    case ZYDIS_MNEMONIC_OUTSB: case ZYDIS_MNEMONIC_OUTSW: case ZYDIS_MNEMONIC_OUTSD: return port_gate(d, gate, kString);
    case ZYDIS_MNEMONIC_LGDT: case ZYDIS_MNEMONIC_LIDT: gate.src2 = 0; return descriptor_table<kGdtrIdtr>;
    case ZYDIS_MNEMONIC_SGDT: case ZYDIS_MNEMONIC_SIDT: gate.src2 = 1; return descriptor_table<kGdtrIdtr>;
    case ZYDIS_MNEMONIC_LLDT: case ZYDIS_MNEMONIC_LTR: gate.src2 = 0; return descriptor_table<kLdtrTr>;
    case ZYDIS_MNEMONIC_SLDT: case ZYDIS_MNEMONIC_STR: gate.src2 = 1; return descriptor_table<kLdtrTr>;
    case ZYDIS_MNEMONIC_VMCALL: return always<kVmcall>;
    case ZYDIS_MNEMONIC_VMLAUNCH: return always<kVmlaunch>;
    case ZYDIS_MNEMONIC_VMRESUME: return always<kVmresume>;
    case ZYDIS_MNEMONIC_VMXON: return always<kVmxon>;
    case ZYDIS_MNEMONIC_VMXOFF: return always<kVmxoff>;
    case ZYDIS_MNEMONIC_VMREAD: return always<kVmread>;
    case ZYDIS_MNEMONIC_VMWRITE: return always<kVmwrite>;
    case ZYDIS_MNEMONIC_VMCLEAR: return always<kVmclear>;
    case ZYDIS_MNEMONIC_VMPTRLD: return always<kVmptrld>;
    case ZYDIS_MNEMONIC_VMPTRST: return always<kVmptrst>;
    case ZYDIS_MNEMONIC_INVEPT: return always<kInvept>;
    case ZYDIS_MNEMONIC_INVVPID: return always<kInvvpid>;
    default: return nullptr;
  }
}

}  // namespace

bool bind_gate(const Decoded& decoded, const Uop& instruction, Uop& gate) {
  gate = instruction;  // its length, offset and memory operand
  gate.fn = gate_handler(decoded, gate);
  return gate.fn != nullptr;
}

}  // namespace ringside::hw::vmx
