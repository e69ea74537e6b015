// x87 control: initialisation, clearing, control and status words, stack pointer and tags, waiting.
#include "hwmodel/exec/x87_stack.h"

namespace ringside::hw::x87 {
namespace {

bool fninit(Cpu& cpu, const Uop*) {
  if (!allow_x87_no_wait(cpu)) return false;
  FpuState& f = cpu.fpu;
  f.control = 0x037f;
  f.status = 0;
  f.empty = 0xff;
  f.last_opcode = f.last_cs = f.last_ds = 0;
  f.last_ip = f.last_dp = 0;
  return true;
}
bool fnclex(Cpu& cpu, const Uop*) {
  if (!allow_x87_no_wait(cpu)) return false;
  cpu.fpu.status &= static_cast<uint16_t>(~(kExceptions | kSf | kSummary | kBusy));
  return true;
}
bool fldcw(Cpu& cpu, const Uop* op) {
  uint16_t value;
  if (!allow_x87(cpu) || !load(cpu, op, value)) return false;
  cpu.fpu.control = fixed_control(value);
  update_summary(cpu.fpu);
  return true;
}
bool fnstcw(Cpu& cpu, const Uop* op) { return allow_x87_no_wait(cpu) && store(cpu, op, cpu.fpu.control); }
bool fnstsw_memory(Cpu& cpu, const Uop* op) { return allow_x87_no_wait(cpu) && store(cpu, op, cpu.fpu.status); }
bool fnstsw_ax(Cpu& cpu, const Uop*) {
  if (!allow_x87_no_wait(cpu)) return false;
  set_reg(cpu, kRax, cpu.fpu.status);
  return true;
}
bool bind_fnstsw(const Decoded& d, Uop& u) {
  u.fn = has_memory(d) ? handler<fnstsw_memory> : handler<fnstsw_ax>;
  return true;
}

template <int step>
bool move_top(Cpu& cpu, const Uop*) {
  if (!allow_x87(cpu)) return false;
  set_top(cpu.fpu, top(cpu.fpu) + static_cast<unsigned>(step));
  set_condition(cpu.fpu, kC1, 0);
  return true;
}
enum class Pop { kNo, kYes };
template <Pop popping>
bool free_register(Cpu& cpu, const Uop* op) {
  if (!allow_x87(cpu)) return false;
  release(cpu.fpu, op->src);
  if (popping == Pop::kYes) pop(cpu.fpu);
  return true;
}
bool fnop(Cpu& cpu, const Uop*) { return allow_x87(cpu); }
bool do_nothing(Cpu& cpu, const Uop*) { return allow_x87_no_wait(cpu); }   // control instructions of the 8087 and 80287

// WAIT looks at TS only together with MP, and never at EM [SDM 3A 2.5, CR0.MP].
bool fwait(Cpu& cpu, const Uop*) {
  if ((cpu.cr0 & (cr0::kMp | cr0::kTs)) == (cr0::kMp | cr0::kTs)) return cpu.raise(Vector::kNM);
  if (!(cpu.fpu.status & kSummary) || !(cpu.cr0 & cr0::kNe)) return true;
  return cpu.raise(Vector::kMF);
}

constexpr InstructionInfo kRows[] = {
    row(ZYDIS_MNEMONIC_FNINIT, "SDM 2A 3.2 FINIT", bind_stack<fninit>),
    row(ZYDIS_MNEMONIC_FNCLEX, "SDM 2A 3.2 FCLEX", bind_stack<fnclex>),
    row(ZYDIS_MNEMONIC_FLDCW, "SDM 2A 3.2 FLDCW", bind_stack<fldcw>),
    row(ZYDIS_MNEMONIC_FNSTCW, "SDM 2A 3.2 FSTCW", bind_stack<fnstcw>),
    row(ZYDIS_MNEMONIC_FNSTSW, "SDM 2A 3.2 FSTSW", bind_fnstsw),
    row(ZYDIS_MNEMONIC_FINCSTP, "SDM 2A 3.2 FINCSTP", bind_stack<move_top<1>>),
    row(ZYDIS_MNEMONIC_FDECSTP, "SDM 2A 3.2 FDECSTP", bind_stack<move_top<-1>>),
    row(ZYDIS_MNEMONIC_FFREE, "SDM 2A 3.2 FFREE", bind_stack<free_register<Pop::kNo>>),
    row(ZYDIS_MNEMONIC_FFREEP, "SDM 2A 3.2 FFREE", bind_stack<free_register<Pop::kYes>>),
    row(ZYDIS_MNEMONIC_FNOP, "SDM 2A 3.2 FNOP", bind_stack<fnop>),
    row(ZYDIS_MNEMONIC_FENI8087_NOP, "SDM 3B 23.18.9", bind_stack<do_nothing>),
    row(ZYDIS_MNEMONIC_FDISI8087_NOP, "SDM 3B 23.18.9", bind_stack<do_nothing>),
    row(ZYDIS_MNEMONIC_FSETPM287_NOP, "SDM 3B 23.18.9", bind_stack<do_nothing>),
    row(ZYDIS_MNEMONIC_FWAIT, "SDM 2D 6.1 WAIT", bind_stack<fwait>),
};

}  // namespace

std::span<const InstructionInfo> control_rows() { return kRows; }

}  // namespace ringside::hw::x87
