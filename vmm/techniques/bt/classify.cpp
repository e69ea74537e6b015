#include "vmm/techniques/bt/classify.h"

#include "hwmodel/isa/decoder.h"

namespace ringside::vmm::bt {
namespace {

constexpr unsigned kLongestInstruction = 15;

Plan call_out(Reason reason) {
  return {.sequence = Sequence::kCallOut, .treatment = Treatment::kCallOut, .reason = reason};
}
Plan in_line(Sequence sequence, Reason reason) { return {sequence, Treatment::kInLine, reason, false}; }
Plan branch(Sequence sequence, Reason reason) { return {sequence, Treatment::kControl, reason, true}; }

bool is_class(const hw::Decoded& d, unsigned i, ZydisRegisterClass wanted) {
  return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == wanted;
}

// Near branches. Prefixes that real processors disagree about, and targets that are no addresses, are left to the
// virtual processor.
Plan plan_branch(const hw::Decoded& d, uint64_t rip) {
  if (d.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return call_out(Reason::kFarTransfer);
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) return call_out(Reason::kAwkward);
  const bool direct = d.is_imm(0) && d.ops[0].imm.is_relative;
  const bool target_good = !direct || is_canonical(rip + d.insn.length + d.ops[0].imm.value.u);
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_JMP:
      return direct ? branch(Sequence::kJump, Reason::kBranch)
                    : branch(Sequence::kJumpIndirect, Reason::kIndirectTarget);
    case ZYDIS_MNEMONIC_CALL:
      if (!target_good) return call_out(Reason::kAwkward);
      return direct ? branch(Sequence::kCall, Reason::kReturnAddress)
                    : branch(Sequence::kCallIndirect, Reason::kIndirectTarget);
    case ZYDIS_MNEMONIC_RET:
      return branch(Sequence::kReturn, Reason::kReturnAddress);
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_JRCXZ:
      return branch(Sequence::kCounterBranch, Reason::kBranch);
    default:
      return branch(Sequence::kJumpIf, Reason::kBranch);
  }
}

bool is_readable(ZydisRegister control) {
  switch (control) {
    case ZYDIS_REGISTER_CR0:
    case ZYDIS_REGISTER_CR2:
    case ZYDIS_REGISTER_CR3:
    case ZYDIS_REGISTER_CR4:
    case ZYDIS_REGISTER_CR8:
      return true;
    default:
      return false;
  }
}

Plan plan_sensitive(const hw::Decoded& d, const hw::InstructionInfo& row) {
  const bool memory_word = d.is_mem(0);
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_CLI:
      return in_line(Sequence::kCli, Reason::kInterruptFlag);
    case ZYDIS_MNEMONIC_STI:
      return in_line(Sequence::kSti, Reason::kInterruptFlag);
    case ZYDIS_MNEMONIC_PUSHFQ:
      return in_line(Sequence::kPushFlags, Reason::kFlagsImage);
    case ZYDIS_MNEMONIC_POPFQ:
      return in_line(Sequence::kPopFlags, Reason::kFlagsImage);
    case ZYDIS_MNEMONIC_PUSHF:
    case ZYDIS_MNEMONIC_POPF:
      return call_out(Reason::kAwkward);
    case ZYDIS_MNEMONIC_CLAC:
      return in_line(Sequence::kClac, Reason::kAlignmentFlag);
    case ZYDIS_MNEMONIC_STAC:
      return in_line(Sequence::kStac, Reason::kAlignmentFlag);
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SLDT:
      return in_line(Sequence::kMachineStatus, Reason::kMachineStatus);
    case ZYDIS_MNEMONIC_MOV:
      if (is_class(d, 1, ZYDIS_REGCLASS_CONTROL)) {
        return is_readable(d.ops[1].reg.value) ? in_line(Sequence::kReadControl, Reason::kControlRegister)
                                               : call_out(Reason::kNoInstruction);
      }
      if (is_class(d, 1, ZYDIS_REGCLASS_SEGMENT)) return in_line(Sequence::kReadSelector, Reason::kSelector);
      return call_out(is_class(d, 0, ZYDIS_REGCLASS_SEGMENT) ? Reason::kSelector : Reason::kPrivileged);
    case ZYDIS_MNEMONIC_PUSH:
      return d.insn.operand_width == 64 && !memory_word ? in_line(Sequence::kPushSelector, Reason::kSelector)
                                                        : call_out(Reason::kAwkward);
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD:
      return call_out(Reason::kPort);
    // CR4.TSD is clear while a kernel runs, and the processor's clock is the guest's.
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
      return {Sequence::kCopy, Treatment::kIdentical, Reason::kNone, false};
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
      return call_out(Reason::kFarTransfer);
    default:
      return call_out(row.privilege == hw::Privilege::kNone ? Reason::kSensitive : Reason::kPrivileged);
  }
}

bool has_memory_operand(const hw::Decoded& d) {
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i) {
    if (d.is_mem(i)) return true;
  }
  return false;
}

bool is_branch(const hw::Decoded& d) {
  switch (d.insn.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_RET:
      return true;
    default:
      return false;
  }
}

// Instructions that store where they are in the x87 state, for FSTENV and FXSAVE to show [SDM 1 8.1.8]: all that are
// not administrative.
bool records_its_address(const hw::Decoded& d, const hw::InstructionInfo& row) {
  if (row.cost != hw::CostClass::kX87 && row.cost != hw::CostClass::kX87Slow) return false;
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_FNINIT:
    case ZYDIS_MNEMONIC_FNCLEX:
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_FNSTCW:
    case ZYDIS_MNEMONIC_FNSTSW:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FWAIT:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
      return false;
    default:
      return true;
  }
}

// Neither privileged nor sensitive: random numbers, FS and GS base (under the same CR4.FSGSBASE), and what this
// processor does not announce.
Plan plan_system(const hw::Decoded& d) {
  switch (d.insn.mnemonic) {
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
      return {Sequence::kCopy, Treatment::kIdentical, Reason::kNone, false};
    default:
      return call_out(Reason::kNoInstruction);
  }
}

Plan plan_innocuous(const hw::Decoded& d) {
  if (rip_relative_operand(d) < 0) return {Sequence::kCopy, Treatment::kIdentical, Reason::kNone, false};
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_LEA)
    return {Sequence::kLoadAddress, Treatment::kRebased, Reason::kRipRelative, false};
  if (d.insn.length >= kLongestInstruction) return call_out(Reason::kAwkward);
  return {Sequence::kRebase, Treatment::kRebased, Reason::kRipRelative, false};
}

}  // namespace

int rip_relative_operand(const hw::Decoded& d) {
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    if (d.is_mem(i) && (d.ops[i].mem.base == ZYDIS_REGISTER_RIP || d.ops[i].mem.base == ZYDIS_REGISTER_EIP))
      return static_cast<int>(i);
  }
  return -1;
}

Plan classify(const hw::Decoded& d, uint64_t rip) {
  const hw::InstructionInfo* row = hw::row_of(d);
  if (!row) return call_out(Reason::kNoInstruction);
  const bool sensitive = row->privilege != hw::Privilege::kNone || row->sensitive == hw::Sensitive::kYes;
  Plan plan;
  if (sensitive)
    plan = plan_sensitive(d, *row);
  else if (row->cost == hw::CostClass::kSystem)
    plan = plan_system(d);
  else if (is_branch(d))
    plan = plan_branch(d, rip);
  else if (records_its_address(d, *row))
    plan = call_out(Reason::kOwnAddress);
  else
    plan = plan_innocuous(d);
  // Memory operands with 32-bit addresses are only ever copied.
  if (plan.sequence != Sequence::kCopy && d.insn.attributes & ZYDIS_ATTRIB_HAS_ADDRESSSIZE && has_memory_operand(d))
    plan = call_out(Reason::kAwkward);
  plan.uses_fpu = row->cost == hw::CostClass::kX87 || row->cost == hw::CostClass::kX87Slow ||
                  row->cost == hw::CostClass::kSimd || row->cost == hw::CostClass::kSimdSlow;
  return plan;
}

}  // namespace ringside::vmm::bt
