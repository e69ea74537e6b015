#include "hwmodel/exec/sensitive_gate.h"

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {
namespace {

const InstructionInfo& row_of(const Uop* gate) { return *reinterpret_cast<const InstructionInfo*>(gate->imm); }

// In virtual-8086 mode these do not exist, and #UD comes before #GP as it does for LLDT and LTR.
bool undefined_here(const Cpu& cpu, const InstructionInfo& row) {
  if (!cpu.in_v86_mode()) return false;
  const auto m = row.mnemonic;
  return m == ZYDIS_MNEMONIC_LAR || m == ZYDIS_MNEMONIC_LSL || m == ZYDIS_MNEMONIC_VERR || m == ZYDIS_MNEMONIC_VERW || m == ZYDIS_MNEMONIC_SLDT ||
         m == ZYDIS_MNEMONIC_STR;
}

const Uop* trap(Cpu& cpu, const Uop* gate) {
  return undefined_here(cpu, row_of(gate)) ? next(cpu, gate) : raise(cpu, gate, Vector::kGP, 0);
}

const Uop* observe(Cpu& cpu, const Uop* gate) {
  if (cpu.observer) cpu.observer->on_sensitive(row_of(gate), cpu.rip_of(gate), cpu.cpl);
  return next(cpu, gate);
}

}  // namespace

bool bind_sensitive_gate(const InstructionInfo& row, SensitiveTraps traps, const Uop& instruction, Uop& gate) {
  if (traps == SensitiveTraps::kAsBuilt || !unprivileged_sensitive(row)) return false;
  gate = instruction;  // its offset and length
  gate.fn = traps == SensitiveTraps::kStrict ? trap : observe;
  gate.imm = reinterpret_cast<uint64_t>(&row);  // rows live as long as the program
  return true;
}

}  // namespace ringside::hw
