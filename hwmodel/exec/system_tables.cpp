// LGDT LIDT SGDT SIDT, LLDT LTR SLDT STR [SDM 3A 2.8.1 "Loading and Storing System Registers"].
#include <cstring>

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/system.h"

namespace ringside::hw {
namespace {

enum class Table : uint8_t { kGdt, kIdt };

template <Table kTable>
TableRegister& table(Cpu& cpu) { return kTable == Table::kGdt ? cpu.gdtr : cpu.idtr; }

unsigned base_bytes(const Uop* op) { return op->code_size == 64 ? 8 : 4; }

// The pseudo-descriptor: limit, then base. A 16-bit operand size loads only 24 bits of the base.
template <Table kTable>
const Uop* load_table(Cpu& cpu, const Uop* op) {
  const unsigned bytes = base_bytes(op);
  uint64_t linear;
  uint8_t image[10] = {};
  if (!operand_address(cpu, op, bytes + 2, false, linear) || !load_slow(cpu, linear, image, bytes + 2)) return fault(cpu, op);
  TableRegister loaded;
  std::memcpy(&loaded.limit, image, 2);
  std::memcpy(&loaded.base, image + 2, 8);
  if (op->code_size != 64 && op->operand_size == 2) loaded.base &= 0xffffff;
  if (!canonical(loaded.base)) return raise(cpu, op, Vector::kGP, 0);
  table<kTable>(cpu) = loaded;
  return next(cpu, op);
}

template <Table kTable>
const Uop* store_table(Cpu& cpu, const Uop* op) {
  const unsigned bytes = base_bytes(op);
  const TableRegister& stored = table<kTable>(cpu);
  uint8_t image[16] = {};
  std::memcpy(image, &stored.limit, 2);
  std::memcpy(image + 2, &stored.base, 8);
  uint64_t linear;
  const bool done = operand_address(cpu, op, bytes + 2, true, linear) && store_slow(cpu, linear, image, bytes + 2);
  return done ? next(cpu, op) : fault(cpu, op);
}

// --- LDTR and TR: dst or src is a register, or the operand is a word in memory -------------------------------------------------

template <bool (*kLoad)(Cpu&, uint16_t)>
struct LoadSelector {
  static const Uop* from_reg(Cpu& cpu, const Uop* op) { return kLoad(cpu, reg<uint16_t>(cpu, op->src)) ? next(cpu, op) : fault(cpu, op); }
  static const Uop* from_mem(Cpu& cpu, const Uop* op) {
    uint16_t selector;
    return load(cpu, op, selector) && kLoad(cpu, selector) ? next(cpu, op) : fault(cpu, op);
  }
  static bool bind(const Decoded& d, Uop& uop) {
    if (d.is_mem(0)) return bind_to(uop, in_protected_mode<at_cpl0<from_mem>>);
    uop.src = number_of(d, 0);
    return bind_to(uop, in_protected_mode<at_cpl0<from_reg>>);
  }
};
bool lldt(Cpu& cpu, uint16_t selector) { return load_ldtr(cpu, selector, Vector::kGP); }
bool ltr(Cpu& cpu, uint16_t selector) { return load_task_register(cpu, selector); }

// A register destination is zero-extended from the selector; memory gets a word.
template <uint16_t (*kSelector)(const Cpu&)>
struct StoreSelector {
  template <class T>
  static const Uop* to_reg(Cpu& cpu, const Uop* op) {
    set_reg<T>(cpu, op->dst, kSelector(cpu));
    return next(cpu, op);
  }
  static const Uop* to_mem(Cpu& cpu, const Uop* op) { return store(cpu, op, kSelector(cpu)) ? next(cpu, op) : fault(cpu, op); }
  static bool bind(const Decoded& d, Uop& uop) {
    if (d.is_mem(0)) return bind_to(uop, in_protected_mode<under_umip<to_mem>>);
    uop.dst = number_of(d, 0);
    switch (d.size(0)) {
      case 2: return bind_to(uop, in_protected_mode<under_umip<to_reg<uint16_t>>>);
      case 4: return bind_to(uop, in_protected_mode<under_umip<to_reg<uint32_t>>>);
      default: return bind_to(uop, in_protected_mode<under_umip<to_reg<uint64_t>>>);
    }
  }
};
uint16_t ldtr_selector(const Cpu& cpu) { return cpu.ldtr.selector; }
uint16_t tr_selector(const Cpu& cpu) { return cpu.tr.selector; }

constexpr auto kCpl0 = Privilege::kCpl0;
constexpr auto kUmip = Privilege::kUmip;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kSystem = CostClass::kSystem;
constexpr auto kSerialize = CostClass::kSerialize;  // loads of these registers [SDM 3A 9.3 "Serializing Instructions"]
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_LGDT, kCpl0, kYes, kSerialize, false, "SDM 2A 3.2 LGDT/LIDT", bind_handler<at_cpl0<load_table<Table::kGdt>>>},
    {ZYDIS_MNEMONIC_LIDT, kCpl0, kYes, kSerialize, false, "SDM 2A 3.2 LGDT/LIDT", bind_handler<at_cpl0<load_table<Table::kIdt>>>},
    {ZYDIS_MNEMONIC_SGDT, kUmip, kYes, kSystem, false, "SDM 2B 4.3 SGDT", bind_handler<under_umip<store_table<Table::kGdt>>>},
    {ZYDIS_MNEMONIC_SIDT, kUmip, kYes, kSystem, false, "SDM 2B 4.3 SIDT", bind_handler<under_umip<store_table<Table::kIdt>>>},
    {ZYDIS_MNEMONIC_LLDT, kCpl0, kYes, kSerialize, false, "SDM 2A 3.2 LLDT", LoadSelector<lldt>::bind},
    {ZYDIS_MNEMONIC_LTR, kCpl0, kYes, kSerialize, false, "SDM 2A 3.2 LTR", LoadSelector<ltr>::bind},
    {ZYDIS_MNEMONIC_SLDT, kUmip, kYes, kSystem, false, "SDM 2B 4.3 SLDT", StoreSelector<ldtr_selector>::bind},
    {ZYDIS_MNEMONIC_STR, kUmip, kYes, kSystem, false, "SDM 2B 4.3 STR", StoreSelector<tr_selector>::bind},
};

}  // namespace

std::span<const InstructionInfo> descriptor_table_rows() { return kRows; }

}  // namespace ringside::hw
