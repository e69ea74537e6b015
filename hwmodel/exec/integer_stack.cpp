// PUSH and POP of general registers, memory and immediates; PUSHA POPA ENTER LEAVE. Segment registers and flags are system instructions.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer.h"

namespace ringside::hw {
namespace {

// The common forms of 64-bit code first.
const Uop* push_reg64(Cpu& cpu, const Uop* op) {
  const uint64_t top = cpu.gpr[kRsp] - 8;
  const FastEntry& e = cpu.mmu.fast_entry(top);
  if (((top + 7) & ~uint64_t{0xfff}) == e.write_tag) [[likely]] {
    ++cpu.mmu.data_accesses;
    std::memcpy(reinterpret_cast<void*>(top + e.addend), &cpu.gpr[op->src], 8);
    cpu.gpr[kRsp] = top;
    return next(cpu, op);
  }
  return push(cpu, op, cpu.gpr[op->src], 8) ? next(cpu, op) : fault(cpu, op);
}
const Uop* pop_reg64(Cpu& cpu, const Uop* op) {
  const uint64_t top = cpu.gpr[kRsp];
  const FastEntry& e = cpu.mmu.fast_entry(top);
  if (((top + 7) & ~uint64_t{0xfff}) == e.read_tag) [[likely]] {
    ++cpu.mmu.data_accesses;
    cpu.gpr[kRsp] = top + 8;
    std::memcpy(&cpu.gpr[op->dst], reinterpret_cast<const void*>(top + e.addend), 8);
    return next(cpu, op);
  }
  uint64_t value;
  if (!pop(cpu, op, value, 8)) return fault(cpu, op);
  cpu.gpr[op->dst] = value;
  return next(cpu, op);
}

const Uop* push_reg(Cpu& cpu, const Uop* op) { return push(cpu, op, cpu.gpr[op->src], op->operand_size) ? next(cpu, op) : fault(cpu, op); }
const Uop* push_imm(Cpu& cpu, const Uop* op) { return push(cpu, op, op->imm, op->operand_size) ? next(cpu, op) : fault(cpu, op); }
struct PushMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    T value;
    return load(cpu, op, value) && push(cpu, op, value, sizeof(T)) ? next(cpu, op) : fault(cpu, op);
  }
};
struct PopReg {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    uint64_t value;
    if (!pop(cpu, op, value, sizeof(T))) return fault(cpu, op);
    set_reg<T>(cpu, op->dst, static_cast<T>(value));
    return next(cpu, op);
  }
};
// The destination's address uses the stack pointer after the pop; a fault in the store restores it [SDM 2B 4.3 POP].
struct PopMem {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const uint64_t rsp = cpu.gpr[kRsp];
    uint64_t value;
    if (!pop(cpu, op, value, sizeof(T))) return fault(cpu, op);
    if (store(cpu, op, static_cast<T>(value))) return next(cpu, op);
    cpu.gpr[kRsp] = rsp;
    return fault(cpu, op);
  }
};

bool bind_push(const Decoded& d, Uop& uop) {
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  if (d.is_imm(0)) return bind_to(uop, push_imm);
  if (d.is_mem(0)) return bind_to(uop, by_size<PushMem>(uop.operand_size));
  if (!is_general(d, 0)) return false;
  uop.src = number_of(d, 0);
  return bind_to(uop, d.code_size == 64 && uop.operand_size == 8 ? push_reg64 : push_reg);
}
bool bind_pop(const Decoded& d, Uop& uop) {
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  if (d.is_mem(0)) return bind_to(uop, by_size<PopMem>(uop.operand_size));
  if (!is_general(d, 0)) return false;
  uop.dst = number_of(d, 0);
  return bind_to(uop, d.code_size == 64 && uop.operand_size == 8 ? pop_reg64 : by_size<PopReg>(uop.operand_size));
}

void restore_sp(Cpu& cpu, uint64_t rsp) { cpu.gpr[kRsp] = rsp; }

const Uop* pusha(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp];
  for (unsigned i = 0; i < 8; ++i) {
    if (!push(cpu, op, i == kRsp ? rsp : cpu.gpr[i], op->operand_size)) {
      restore_sp(cpu, rsp);
      return fault(cpu, op);
    }
  }
  return next(cpu, op);
}
const Uop* popa(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp];
  uint64_t value[8];
  for (unsigned i = 8; i-- > 0;) {
    if (!pop(cpu, op, value[i], op->operand_size)) {
      restore_sp(cpu, rsp);
      return fault(cpu, op);
    }
  }
  for (unsigned i = 0; i < 8; ++i) {
    if (i == kRsp) continue;
    if (op->operand_size == 4) set_reg<uint32_t>(cpu, i, static_cast<uint32_t>(value[i]));
    else set_reg<uint16_t>(cpu, i, static_cast<uint16_t>(value[i]));
  }
  return next(cpu, op);
}

void set_sized(Cpu& cpu, unsigned n, uint64_t value, unsigned size) {
  if (size == 8) cpu.gpr[n] = value;
  else if (size == 4) set_reg<uint32_t>(cpu, n, static_cast<uint32_t>(value));
  else set_reg<uint16_t>(cpu, n, static_cast<uint16_t>(value));
}

const Uop* leave_frame(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp];
  set_sized(cpu, kRsp, cpu.gpr[kRbp], op->stack_size);
  uint64_t value;
  if (!pop(cpu, op, value, op->operand_size)) {
    restore_sp(cpu, rsp);
    return fault(cpu, op);
  }
  set_sized(cpu, kRbp, value, op->operand_size);
  return next(cpu, op);
}

// ENTER size, level [SDM 2A 3.2 ENTER]: imm holds the size, src2 the nesting level.
const Uop* enter(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp], rbp = cpu.gpr[kRbp];
  const unsigned size = op->operand_size, level = op->src2;
  const auto give_up = [&] { cpu.gpr[kRsp] = rsp; cpu.gpr[kRbp] = rbp; return fault(cpu, op); };
  if (!push(cpu, op, rbp, size)) return give_up();
  const uint64_t frame = cpu.gpr[kRsp];
  uint64_t display = rbp;
  for (unsigned i = 1; i < level; ++i) {
    display -= size;
    const uint64_t at = op->stack_size == 8 ? display : op->stack_size == 4 ? static_cast<uint32_t>(display) : static_cast<uint16_t>(display);
    uint64_t linear, value = 0;
    if (!linear_address(cpu, op, kSs, at, size, false, linear)) return give_up();
    uint16_t v16; uint32_t v32;
    if (size == 8) { if (!load_linear(cpu, linear, value)) return give_up(); }
    else if (size == 4) { if (!load_linear(cpu, linear, v32)) return give_up(); value = v32; }
    else { if (!load_linear(cpu, linear, v16)) return give_up(); value = v16; }
    if (!push(cpu, op, value, size)) return give_up();
  }
  if (level && !push(cpu, op, frame, size)) return give_up();
  set_sized(cpu, kRbp, frame, size);
  set_sized(cpu, kRsp, cpu.gpr[kRsp] - static_cast<uint16_t>(op->imm), op->stack_size);
  return next(cpu, op);
}
bool bind_enter(const Decoded& d, Uop& uop) {
  uop.imm = d.ops[0].imm.value.u;
  uop.src2 = static_cast<uint8_t>(d.ops[1].imm.value.u & 31);
  return bind_to(uop, enter);
}

template <Handler kHandler>
bool bind_fixed(const Decoded&, Uop& uop) { return bind_to(uop, kHandler); }

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
constexpr auto kStack = CostClass::kStack;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_PUSH, kNone, kNo, kStack, false, "SDM 2B 4.3 PUSH", bind_push},
    {ZYDIS_MNEMONIC_POP, kNone, kNo, kStack, false, "SDM 2B 4.3 POP", bind_pop},
    {ZYDIS_MNEMONIC_PUSHA, kNone, kNo, kStack, false, "SDM 2B 4.3 PUSHA", bind_fixed<pusha>},
    {ZYDIS_MNEMONIC_PUSHAD, kNone, kNo, kStack, false, "SDM 2B 4.3 PUSHA", bind_fixed<pusha>},
    {ZYDIS_MNEMONIC_POPA, kNone, kNo, kStack, false, "SDM 2B 4.3 POPA", bind_fixed<popa>},
    {ZYDIS_MNEMONIC_POPAD, kNone, kNo, kStack, false, "SDM 2B 4.3 POPA", bind_fixed<popa>},
    {ZYDIS_MNEMONIC_LEAVE, kNone, kNo, kStack, false, "SDM 2A 3.2 LEAVE", bind_fixed<leave_frame>},
    {ZYDIS_MNEMONIC_ENTER, kNone, kNo, kStack, false, "SDM 2A 3.2 ENTER", bind_enter},
};

}  // namespace

std::span<const InstructionInfo> integer_stack_rows() { return kRows; }

}  // namespace ringside::hw
