// MOV to and from CRn and DRn, LMSW SMSW CLTS [SDM 2B 4.3 "MOV - Move to/from Control Registers"].
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/system.h"
#include "hwmodel/exec/system_registers.h"

namespace ringside::hw {
namespace {

// Control and debug registers always move whole: 64 bits in 64-bit mode, 32 elsewhere. dst and src hold register numbers.
uint64_t source(const Cpu& cpu, const Uop* op) { return op->code_size == 64 ? cpu.gpr[op->src] : static_cast<uint32_t>(cpu.gpr[op->src]); }
void set_destination(Cpu& cpu, const Uop* op, uint64_t value) {
  cpu.gpr[op->dst] = op->code_size == 64 ? value : static_cast<uint32_t>(value);
}

template <unsigned kNumber>
const Uop* read_control(Cpu& cpu, const Uop* op) {
  uint64_t value = 0;
  if constexpr (kNumber == 0) value = cpu.cr0;
  else if constexpr (kNumber == 2) value = cpu.cr2;
  else if constexpr (kNumber == 3) value = cpu.cr3;
  else if constexpr (kNumber == 4) value = cpu.cr4;
  else value = read_cr8(cpu);
  set_destination(cpu, op, value);
  return next(cpu, op);
}

template <unsigned kNumber>
const Uop* write_control(Cpu& cpu, const Uop* op) {
  const uint64_t value = source(cpu, op);
  bool done = true;
  if constexpr (kNumber == 0) done = write_cr0(cpu, value);
  else if constexpr (kNumber == 2) cpu.cr2 = value;
  else if constexpr (kNumber == 3) done = write_cr3(cpu, value);
  else if constexpr (kNumber == 4) done = write_cr4(cpu, value);
  else done = write_cr8(cpu, value);
  return done ? leave_next(cpu, op) : fault(cpu, op);
}

const Uop* read_debug(Cpu& cpu, const Uop* op) {
  uint64_t value;
  if (!read_debug_register(cpu, op->src, value)) return fault(cpu, op);
  set_destination(cpu, op, value);
  return leave_next(cpu, op);
}
const Uop* write_debug(Cpu& cpu, const Uop* op) {
  return write_debug_register(cpu, op->dst, source(cpu, op)) ? leave_next(cpu, op) : fault(cpu, op);
}

template <template <unsigned> class Form>
Handler by_control_register(unsigned number) {
  switch (number) {
    case 0: return Form<0>::run;
    case 2: return Form<2>::run;
    case 3: return Form<3>::run;
    case 4: return Form<4>::run;
    case 8: return Form<8>::run;
    default: return nullptr;
  }
}
template <unsigned kNumber> struct ReadControl { static constexpr Handler run = at_cpl0<read_control<kNumber>>; };
template <unsigned kNumber> struct WriteControl { static constexpr Handler run = at_cpl0<write_control<kNumber>>; };

bool is_class(const Decoded& d, unsigned i, ZydisRegisterClass wanted) {
  return d.is_reg(i) && ZydisRegisterGetClass(d.ops[i].reg.value) == wanted;
}
bool bind_mov_control(const Decoded& d, Uop& uop) {
  if (is_class(d, 0, ZYDIS_REGCLASS_CONTROL)) {
    uop.src = number_of(d, 1);
    return bind_to(uop, by_control_register<WriteControl>(number_of(d, 0)));
  }
  if (!is_class(d, 1, ZYDIS_REGCLASS_CONTROL)) return false;
  uop.dst = number_of(d, 0);
  return bind_to(uop, by_control_register<ReadControl>(number_of(d, 1)));
}
bool bind_mov_debug(const Decoded& d, Uop& uop) {
  if (is_class(d, 0, ZYDIS_REGCLASS_DEBUG)) {
    uop.dst = number_of(d, 0);
    uop.src = number_of(d, 1);
    return uop.dst < 8 && bind_to(uop, at_cpl0<write_debug>);
  }
  if (!is_class(d, 1, ZYDIS_REGCLASS_DEBUG)) return false;
  uop.dst = number_of(d, 0);
  uop.src = number_of(d, 1);
  return uop.src < 8 && bind_to(uop, at_cpl0<read_debug>);
}

// LMSW can set PE but not clear it, and reaches only MP, EM and TS beside.
bool load_status_word(Cpu& cpu, uint16_t value) {
  constexpr uint64_t kReached = cr0::kMp | cr0::kEm | cr0::kTs;
  return write_cr0(cpu, (cpu.cr0 & ~kReached) | (value & (kReached | cr0::kPe)));
}
const Uop* lmsw_reg(Cpu& cpu, const Uop* op) {
  return load_status_word(cpu, reg<uint16_t>(cpu, op->src)) ? leave_next(cpu, op) : fault(cpu, op);
}
const Uop* lmsw_mem(Cpu& cpu, const Uop* op) {
  uint16_t value;
  return load(cpu, op, value) && load_status_word(cpu, value) ? leave_next(cpu, op) : fault(cpu, op);
}
bool bind_lmsw(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) return bind_to(uop, at_cpl0<lmsw_mem>);
  uop.src = number_of(d, 0);
  return bind_to(uop, at_cpl0<lmsw_reg>);
}

template <class T>
const Uop* smsw_reg(Cpu& cpu, const Uop* op) {
  set_reg<T>(cpu, op->dst, static_cast<T>(cpu.cr0));
  return next(cpu, op);
}
const Uop* smsw_mem(Cpu& cpu, const Uop* op) { return store(cpu, op, static_cast<uint16_t>(cpu.cr0)) ? next(cpu, op) : fault(cpu, op); }
bool bind_smsw(const Decoded& d, Uop& uop) {
  if (d.is_mem(0)) return bind_to(uop, under_umip<smsw_mem>);
  uop.dst = number_of(d, 0);
  switch (d.size(0)) {
    case 2: return bind_to(uop, under_umip<smsw_reg<uint16_t>>);
    case 4: return bind_to(uop, under_umip<smsw_reg<uint32_t>>);
    default: return bind_to(uop, under_umip<smsw_reg<uint64_t>>);
  }
}

const Uop* clts(Cpu& cpu, const Uop* op) {
  cpu.cr0 &= ~cr0::kTs;
  return leave_next(cpu, op);
}

const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_MOV, Privilege::kCpl0, Sensitive::kYes, CostClass::kSerialize, true, "SDM 2B 4.3 MOV CR", bind_mov_control},
    {ZYDIS_MNEMONIC_MOV, Privilege::kCpl0, Sensitive::kYes, CostClass::kSerialize, true, "SDM 2B 4.3 MOV DR", bind_mov_debug},
    {ZYDIS_MNEMONIC_LMSW, Privilege::kCpl0, Sensitive::kYes, CostClass::kSerialize, true, "SDM 2A 3.2 LMSW", bind_lmsw},
    {ZYDIS_MNEMONIC_SMSW, Privilege::kUmip, Sensitive::kYes, CostClass::kSystem, false, "SDM 2B 4.3 SMSW", bind_smsw},
    {ZYDIS_MNEMONIC_CLTS, Privilege::kCpl0, Sensitive::kYes, CostClass::kSystem, true, "SDM 2A 3.2 CLTS", bind_handler<at_cpl0<clts>>},
};

}  // namespace

std::span<const InstructionInfo> control_register_rows() { return kRows; }

}  // namespace ringside::hw
