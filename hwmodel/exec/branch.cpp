// Near control flow: JMP CALL RET Jcc LOOP JCXZ. Far forms are system instructions. Every branch ends its block.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

// rip is truncated to the operand size outside 64-bit mode [SDM 2A 3.2 JMP]; code beyond the segment limit faults at the fetch.
uint64_t truncate_rip(const Uop* op, uint64_t rip) {
  if (op->code_size == 64) return rip;
  return op->operand_size == 2 ? static_cast<uint16_t>(rip) : static_cast<uint32_t>(rip);
}
bool is_canonical(uint64_t rip) { return static_cast<uint64_t>(static_cast<int64_t>(rip << 16) >> 16) == rip; }

uint64_t relative_target(const Cpu& cpu, const Uop* op) { return truncate_rip(op, cpu.block_rip() + op->imm); }

const Uop* jump_relative(Cpu& cpu, const Uop* op) {
  cpu.rip = relative_target(cpu, op);
  return leave(cpu, op);
}

template <unsigned kCondition>
const Uop* jump_if(Cpu& cpu, const Uop* op) {
  cpu.rip = condition<kCondition>(cpu.arithmetic) ? relative_target(cpu, op) : cpu.rip_after(op);
  return leave(cpu, op);
}

const Uop* jump_to(Cpu& cpu, const Uop* op, uint64_t target) {
  target = truncate_rip(op, target);
  if (op->code_size == 64 && !is_canonical(target)) return raise(cpu, op, Vector::kGP, 0);
  cpu.rip = target;
  return leave(cpu, op);
}

struct TargetReg {
  template <class T> static bool get(Cpu& cpu, const Uop* op, uint64_t& target) { target = reg<T>(cpu, op->src); return true; }
};
struct TargetMem {
  template <class T> static bool get(Cpu& cpu, const Uop* op, uint64_t& target) {
    T value;
    if (!load(cpu, op, value)) return false;
    target = value;
    return true;
  }
};
template <class Target>
struct JumpIndirect {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    uint64_t target;
    return Target::template get<T>(cpu, op, target) ? jump_to(cpu, op, target) : fault(cpu, op);
  }
};

const Uop* call_to(Cpu& cpu, const Uop* op, uint64_t target) {
  target = truncate_rip(op, target);
  if (op->code_size == 64 && !is_canonical(target)) return raise(cpu, op, Vector::kGP, 0);
  if (!push(cpu, op, cpu.rip_after(op), op->operand_size)) return fault(cpu, op);
  cpu.rip = target;
  return leave(cpu, op);
}
const Uop* call_relative(Cpu& cpu, const Uop* op) { return call_to(cpu, op, cpu.block_rip() + op->imm); }
const Uop* call_relative64(Cpu& cpu, const Uop* op) {
  const uint64_t top = cpu.gpr[kRsp] - 8, target = cpu.block_rip() + op->imm;
  const FastEntry& e = cpu.mmu.fast_entry(top);
  if (((top + 7) & ~uint64_t{0xfff}) != e.write_tag || !is_canonical(target)) [[unlikely]] return call_to(cpu, op, target);
  ++cpu.mmu.data_accesses;
  const uint64_t back = cpu.block_rip() + op->offset + op->length;
  std::memcpy(reinterpret_cast<void*>(top + e.addend), &back, 8);
  cpu.gpr[kRsp] = top;
  cpu.rip = target;
  return leave(cpu, op);
}
template <class Target>
struct CallIndirect {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    uint64_t target;
    return Target::template get<T>(cpu, op, target) ? call_to(cpu, op, target) : fault(cpu, op);
  }
};

void add_to_stack_pointer(Cpu& cpu, const Uop* op, uint64_t bytes) {
  if (op->stack_size == 8) cpu.gpr[kRsp] += bytes;
  else if (op->stack_size == 4) set_reg<uint32_t>(cpu, kRsp, static_cast<uint32_t>(cpu.gpr[kRsp] + bytes));
  else set_reg<uint16_t>(cpu, kRsp, static_cast<uint16_t>(cpu.gpr[kRsp] + bytes));
}

// RET and RET imm16. A bad target is reported before the stack pointer moves.
const Uop* return_near(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp];
  uint64_t target;
  if (!pop(cpu, op, target, op->operand_size)) return fault(cpu, op);
  target = truncate_rip(op, target);
  if (op->code_size == 64 && !is_canonical(target)) {
    cpu.gpr[kRsp] = rsp;
    return raise(cpu, op, Vector::kGP, 0);
  }
  add_to_stack_pointer(cpu, op, op->imm);
  cpu.rip = target;
  return leave(cpu, op);
}
const Uop* return_near64(Cpu& cpu, const Uop* op) {
  const uint64_t top = cpu.gpr[kRsp];
  const FastEntry& e = cpu.mmu.fast_entry(top);
  if (((top + 7) & ~uint64_t{0xfff}) != e.read_tag) [[unlikely]] return return_near(cpu, op);
  uint64_t target;
  std::memcpy(&target, reinterpret_cast<const void*>(top + e.addend), 8);
  if (!is_canonical(target)) [[unlikely]] return return_near(cpu, op);
  ++cpu.mmu.data_accesses;
  cpu.gpr[kRsp] = top + 8 + op->imm;
  cpu.rip = target;
  return leave(cpu, op);
}

uint64_t counter(const Cpu& cpu, const Uop* op) {
  const uint64_t c = cpu.gpr[kRcx];
  return op->address_size == 8 ? c : op->address_size == 4 ? static_cast<uint32_t>(c) : static_cast<uint16_t>(c);
}
enum class LoopKind : uint8_t { kPlain, kWhileZero, kWhileNotZero };
template <LoopKind kKind>
const Uop* loop(Cpu& cpu, const Uop* op) {
  const uint64_t count = counter(cpu, op) - 1;
  if (op->address_size == 8) cpu.gpr[kRcx] = count;
  else if (op->address_size == 4) set_reg<uint32_t>(cpu, kRcx, static_cast<uint32_t>(count));
  else set_reg<uint16_t>(cpu, kRcx, static_cast<uint16_t>(count));
  bool taken = counter(cpu, op) != 0;
  if (kKind == LoopKind::kWhileZero) taken = taken && cpu.arithmetic.zf();
  if (kKind == LoopKind::kWhileNotZero) taken = taken && !cpu.arithmetic.zf();
  cpu.rip = taken ? relative_target(cpu, op) : cpu.rip_after(op);
  return leave(cpu, op);
}
const Uop* jump_if_counter_zero(Cpu& cpu, const Uop* op) {
  cpu.rip = counter(cpu, op) == 0 ? relative_target(cpu, op) : cpu.rip_after(op);
  return leave(cpu, op);
}

bool is_near(const Decoded& d) { return d.insn.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR; }
void set_operand_size(const Decoded& d, Uop& uop) { uop.operand_size = d.code_size == 64 ? 8 : static_cast<uint8_t>(d.insn.operand_width / 8); }

template <template <class> class Form, Handler kRelative>
bool bind_target(const Decoded& d, Uop& uop) {
  if (!is_near(d)) return false;
  set_operand_size(d, uop);
  if (d.is_imm(0)) return bind_to(uop, kRelative);
  if (d.is_mem(0)) return bind_to(uop, by_size<Form<TargetMem>>(d.size(0)));
  uop.src = number_of(d, 0);
  return bind_to(uop, by_size<Form<TargetReg>>(d.size(0)));
}
bool bind_call(const Decoded& d, Uop& uop) {
  if (d.code_size == 64) return bind_target<CallIndirect, call_relative64>(d, uop);
  return bind_target<CallIndirect, call_relative>(d, uop);
}
bool bind_return(const Decoded& d, Uop& uop) {
  if (!is_near(d) || d.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return false;
  if (d.insn.opcode != 0xc2 && d.insn.opcode != 0xc3) return false;  // CA and CB are far
  set_operand_size(d, uop);
  uop.imm = d.insn.opcode == 0xc2 ? d.ops[0].imm.value.u & 0xffff : 0;
  return bind_to(uop, d.code_size == 64 ? return_near64 : return_near);
}
template <Handler kHandler>
bool bind_relative(const Decoded& d, Uop& uop) {
  set_operand_size(d, uop);
  return bind_to(uop, kHandler);
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
constexpr auto kBranch = CostClass::kBranch;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_JMP, kNone, kNo, kBranch, true, "SDM 2A 3.2 JMP", bind_target<JumpIndirect, jump_relative>},
    {ZYDIS_MNEMONIC_CALL, kNone, kNo, CostClass::kCall, true, "SDM 2A 3.2 CALL", bind_call},
    {ZYDIS_MNEMONIC_RET, kNone, kNo, CostClass::kCall, true, "SDM 2B 4.3 RET", bind_return},
    {ZYDIS_MNEMONIC_JO, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<0>>},
    {ZYDIS_MNEMONIC_JNO, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<1>>},
    {ZYDIS_MNEMONIC_JB, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<2>>},
    {ZYDIS_MNEMONIC_JNB, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<3>>},
    {ZYDIS_MNEMONIC_JZ, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<4>>},
    {ZYDIS_MNEMONIC_JNZ, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<5>>},
    {ZYDIS_MNEMONIC_JBE, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<6>>},
    {ZYDIS_MNEMONIC_JNBE, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<7>>},
    {ZYDIS_MNEMONIC_JS, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<8>>},
    {ZYDIS_MNEMONIC_JNS, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<9>>},
    {ZYDIS_MNEMONIC_JP, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<10>>},
    {ZYDIS_MNEMONIC_JNP, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<11>>},
    {ZYDIS_MNEMONIC_JL, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<12>>},
    {ZYDIS_MNEMONIC_JNL, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<13>>},
    {ZYDIS_MNEMONIC_JLE, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<14>>},
    {ZYDIS_MNEMONIC_JNLE, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if<15>>},
    {ZYDIS_MNEMONIC_LOOP, kNone, kNo, kBranch, true, "SDM 2A 3.2 LOOP", bind_relative<loop<LoopKind::kPlain>>},
    {ZYDIS_MNEMONIC_LOOPE, kNone, kNo, kBranch, true, "SDM 2A 3.2 LOOP", bind_relative<loop<LoopKind::kWhileZero>>},
    {ZYDIS_MNEMONIC_LOOPNE, kNone, kNo, kBranch, true, "SDM 2A 3.2 LOOP", bind_relative<loop<LoopKind::kWhileNotZero>>},
    {ZYDIS_MNEMONIC_JCXZ, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if_counter_zero>},
    {ZYDIS_MNEMONIC_JECXZ, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if_counter_zero>},
    {ZYDIS_MNEMONIC_JRCXZ, kNone, kNo, kBranch, true, "SDM 2A 3.2 Jcc", bind_relative<jump_if_counter_zero>},
};

}  // namespace

std::span<const InstructionInfo> branch_instructions() { return kRows; }

}  // namespace ringside::hw
