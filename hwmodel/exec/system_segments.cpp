// Segment registers: MOV, PUSH, POP, LDS LES LFS LGS LSS, SWAPGS, RD/WR FS/GS BASE.
#include <cstring>

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/system.h"

namespace ringside::hw {
namespace {

bool is_segment_register(const Decoded& d, unsigned i) {
  return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == ZYDIS_REGCLASS_SEGMENT;
}

// Loading SS ends the block (the stack size may change) and holds off interrupts for one instruction; the others just go on.
const Uop* loaded(Cpu& cpu, const Uop* op, SegmentName name) {
  if (name != kSs) return next(cpu, op);
  cpu.interrupt_shadow = kShadowMovSs;
  return leave_next(cpu, op);
}
const Uop* load_name(Cpu& cpu, const Uop* op, SegmentName name, uint16_t selector) {
  return load_segment(cpu, name, selector) ? loaded(cpu, op, name) : fault(cpu, op);
}

// --- MOV: dst or src holds the SegmentName ----------------------------------------------------------------------------------

const Uop* mov_from_reg(Cpu& cpu, const Uop* op) { return load_name(cpu, op, static_cast<SegmentName>(op->dst), reg<uint16_t>(cpu, op->src)); }
const Uop* mov_from_mem(Cpu& cpu, const Uop* op) {
  uint16_t selector;
  return load(cpu, op, selector) ? load_name(cpu, op, static_cast<SegmentName>(op->dst), selector) : fault(cpu, op);
}
template <class T>
const Uop* mov_to_reg(Cpu& cpu, const Uop* op) {
  set_reg<T>(cpu, op->dst, cpu.segment[op->src].selector);
  return next(cpu, op);
}
const Uop* mov_to_mem(Cpu& cpu, const Uop* op) { return store(cpu, op, cpu.segment[op->src].selector) ? next(cpu, op) : fault(cpu, op); }

// Two rows, so that only loading SS ends a block.
template <bool kStack>
bool bind_mov_load(const Decoded& d, Uop& uop) {
  if (!is_segment_register(d, 0)) return false;
  uop.dst = number_of(d, 0);
  if ((uop.dst == kSs) != kStack || uop.dst == kCs) return false;
  if (d.is_mem(1)) return bind_to(uop, mov_from_mem);
  uop.src = number_of(d, 1);
  return bind_to(uop, mov_from_reg);
}
bool bind_mov_store(const Decoded& d, Uop& uop) {
  if (!is_segment_register(d, 1)) return false;
  uop.src = number_of(d, 1);
  if (d.is_mem(0)) return bind_to(uop, mov_to_mem);
  uop.dst = number_of(d, 0);
  switch (d.size(0)) {
    case 2: return bind_to(uop, mov_to_reg<uint16_t>);
    case 4: return bind_to(uop, mov_to_reg<uint32_t>);
    default: return bind_to(uop, mov_to_reg<uint64_t>);
  }
}

// --- PUSH and POP -----------------------------------------------------------------------------------------------------------

const Uop* push_segment(Cpu& cpu, const Uop* op) {
  return push(cpu, op, cpu.segment[op->src].selector, op->operand_size) ? next(cpu, op) : fault(cpu, op);
}
bool bind_push(const Decoded& d, Uop& uop) {
  if (!is_segment_register(d, 0)) return false;
  uop.src = number_of(d, 0);
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  return bind_to(uop, push_segment);
}

const Uop* pop_segment(Cpu& cpu, const Uop* op) {
  const uint64_t rsp = cpu.gpr[kRsp];
  const auto name = static_cast<SegmentName>(op->dst);
  uint64_t selector;
  if (pop(cpu, op, selector, op->operand_size)) {
    if (load_segment(cpu, name, static_cast<uint16_t>(selector))) return loaded(cpu, op, name);
    cpu.gpr[kRsp] = rsp;
  }
  return fault(cpu, op);
}
template <bool kStack>
bool bind_pop(const Decoded& d, Uop& uop) {
  if (!is_segment_register(d, 0)) return false;
  uop.dst = number_of(d, 0);
  if ((uop.dst == kSs) != kStack) return false;
  uop.operand_size = static_cast<uint8_t>(d.insn.operand_width / 8);
  return bind_to(uop, pop_segment);
}

// --- LDS LES LFS LGS LSS: offset, then selector ----------------------------------------------------------------------------------

template <SegmentName kName>
const Uop* load_far_pointer(Cpu& cpu, const Uop* op) {
  const unsigned size = op->operand_size;
  uint8_t bytes[10];
  uint64_t linear, offset = 0;
  uint16_t selector;
  if (!operand_address(cpu, op, size + 2, false, linear) || !load_slow(cpu, linear, bytes, size + 2)) return fault(cpu, op);
  std::memcpy(&offset, bytes, size);
  std::memcpy(&selector, bytes + size, 2);
  if (!load_segment(cpu, kName, selector)) return fault(cpu, op);
  if (size == 8) cpu.gpr[op->dst] = offset;
  else if (size == 4) set_reg<uint32_t>(cpu, op->dst, static_cast<uint32_t>(offset));
  else set_reg<uint16_t>(cpu, op->dst, static_cast<uint16_t>(offset));
  return kName == kSs ? leave_next(cpu, op) : next(cpu, op);   // no interrupt shadow: SS and rSP change together
}
template <SegmentName kName>
bool bind_far_pointer(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  uop.operand_size = static_cast<uint8_t>(d.size(0));
  return bind_to(uop, load_far_pointer<kName>);
}

// --- bases in 64-bit mode ---------------------------------------------------------------------------------------------------------

const Uop* swapgs(Cpu& cpu, const Uop* op) {
  if (!cpu.in_64bit_mode()) return raise(cpu, op, Vector::kUD);
  if (cpu.cpl != 0) return raise(cpu, op, Vector::kGP, 0);
  std::swap(cpu.segment[kGs].base, cpu.msr.kernel_gs_base);
  return next(cpu, op);
}

bool base_access_allowed(const Cpu& cpu) { return cpu.in_64bit_mode() && (cpu.cr4 & cr4::kFsgsbase); }

template <SegmentName kName, class T>
const Uop* read_base(Cpu& cpu, const Uop* op) {
  if (!base_access_allowed(cpu)) return raise(cpu, op, Vector::kUD);
  set_reg<T>(cpu, op->dst, static_cast<T>(cpu.segment[kName].base));
  return next(cpu, op);
}
template <SegmentName kName, class T>
const Uop* write_base(Cpu& cpu, const Uop* op) {
  if (!base_access_allowed(cpu)) return raise(cpu, op, Vector::kUD);
  const uint64_t base = reg<T>(cpu, op->dst);
  if (!canonical(base)) return raise(cpu, op, Vector::kGP, 0);
  cpu.segment[kName].base = base;
  return next(cpu, op);
}
template <Handler k32, Handler k64>
bool bind_base(const Decoded& d, Uop& uop) {
  uop.dst = number_of(d, 0);
  return bind_to(uop, d.size(0) == 8 ? k64 : k32);
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kSystem = CostClass::kSystem;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_MOV, kNone, kYes, kSystem, false, "SDM 2B 4.3 MOV (to segment register)", bind_mov_load<false>},
    {ZYDIS_MNEMONIC_MOV, kNone, kYes, kSystem, true, "SDM 2B 4.3 MOV (to SS)", bind_mov_load<true>},
    {ZYDIS_MNEMONIC_MOV, kNone, kYes, kSystem, false, "SDM 2B 4.3 MOV (from segment register)", bind_mov_store},
    {ZYDIS_MNEMONIC_PUSH, kNone, kYes, CostClass::kStack, false, "SDM 2B 4.3 PUSH (segment register)", bind_push},
    {ZYDIS_MNEMONIC_POP, kNone, kYes, kSystem, false, "SDM 2B 4.3 POP (segment register)", bind_pop<false>},
    {ZYDIS_MNEMONIC_POP, kNone, kYes, kSystem, true, "SDM 2B 4.3 POP (SS)", bind_pop<true>},
    {ZYDIS_MNEMONIC_LDS, kNone, kYes, kSystem, false, "SDM 2A 3.2 LDS/LES/LFS/LGS/LSS", bind_far_pointer<kDs>},
    {ZYDIS_MNEMONIC_LES, kNone, kYes, kSystem, false, "SDM 2A 3.2 LDS/LES/LFS/LGS/LSS", bind_far_pointer<kEs>},
    {ZYDIS_MNEMONIC_LFS, kNone, kYes, kSystem, false, "SDM 2A 3.2 LDS/LES/LFS/LGS/LSS", bind_far_pointer<kFs>},
    {ZYDIS_MNEMONIC_LGS, kNone, kYes, kSystem, false, "SDM 2A 3.2 LDS/LES/LFS/LGS/LSS", bind_far_pointer<kGs>},
    {ZYDIS_MNEMONIC_LSS, kNone, kYes, kSystem, true, "SDM 2A 3.2 LDS/LES/LFS/LGS/LSS", bind_far_pointer<kSs>},
    {ZYDIS_MNEMONIC_SWAPGS, Privilege::kCpl0, kYes, kSystem, false, "SDM 2B 4.3 SWAPGS", bind_handler<swapgs>},
    {ZYDIS_MNEMONIC_RDFSBASE, kNone, Sensitive::kNo, kSystem, false, "SDM 2B 4.3 RDFSBASE/RDGSBASE",
     bind_base<read_base<kFs, uint32_t>, read_base<kFs, uint64_t>>},
    {ZYDIS_MNEMONIC_RDGSBASE, kNone, Sensitive::kNo, kSystem, false, "SDM 2B 4.3 RDFSBASE/RDGSBASE",
     bind_base<read_base<kGs, uint32_t>, read_base<kGs, uint64_t>>},
    {ZYDIS_MNEMONIC_WRFSBASE, kNone, Sensitive::kNo, kSystem, false, "SDM 2D 6.1 WRFSBASE/WRGSBASE",
     bind_base<write_base<kFs, uint32_t>, write_base<kFs, uint64_t>>},
    {ZYDIS_MNEMONIC_WRGSBASE, kNone, Sensitive::kNo, kSystem, false, "SDM 2D 6.1 WRFSBASE/WRGSBASE",
     bind_base<write_base<kGs, uint32_t>, write_base<kGs, uint64_t>>},
};

}  // namespace

std::span<const InstructionInfo> segment_register_rows() { return kRows; }

}  // namespace ringside::hw
