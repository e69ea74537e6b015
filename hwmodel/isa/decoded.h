// One decoded instruction as the library (Zydis) gives it, and the contract by which a group of instructions turns it into
// a micro-op. Called by the decoder (isa/decoder.h); implemented by the groups in exec/.
#pragma once

#include <Zydis/Zydis.h>

#include <span>

#include "hwmodel/exec/uop.h"
#include "hwmodel/isa/cost_class.h"

namespace ringside::hw {

struct Decoded {
  ZydisDecodedInstruction insn;
  ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];  // explicit operands first, insn.operand_count_visible of them
  unsigned code_size = 64;                           // 16, 32 or 64

  bool is_reg(unsigned i) const { return ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER; }
  bool is_mem(unsigned i) const { return ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY; }
  bool is_imm(unsigned i) const { return ops[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE; }
  unsigned size(unsigned i) const { return ops[i].size / 8; }  // operand size in bytes
};

// Chooses the handler of this form and the register fields. The decoder has already filled everything common: offset, length,
// flags, sizes, imm (of the last immediate operand; for relative branches the target's offset from the block's rip), and the memory
// operand (base, index, scale, disp, segment, mode). False: this form is not implemented (#UD in the guest, counted and named).
using Bind = bool (*)(const Decoded&, Uop&);

// Number of a register operand as micro-ops hold it: byte offset into gpr[] for 8-bit registers (AH = 1), else the encoding number
// (general, segment, control, debug, x87, MMX, XMM).
uint8_t register_number(ZydisRegister reg);

enum class Privilege : uint8_t {
  kNone,   // any CPL
  kCpl0,   // #GP above CPL 0
  kIopl,   // #GP where CPL > IOPL (and no I/O bitmap allows it)
  kUmip,   // #GP above CPL 0 only with CR4.UMIP
  kTsd,    // #GP above CPL 0 only with CR4.TSD
  kPce,    // #GP above CPL 0 unless CR4.PCE
  kTrap,   // any CPL, but itself a trap: it enters CPL 0 where only CPL 0 can have said
};
// Popek-Goldberg: does the instruction read or change privileged state, or does its effect depend on the CPL? What a program may set and
// read for itself (its FS and GS base under CR4.FSGSBASE, a selector's RPL in memory) is no privileged state.
enum class Sensitive : uint8_t { kNo, kYes };

// One row of the instruction table: data that execution, the cost model, the documentation and the tests read.
struct InstructionInfo {
  ZydisMnemonic mnemonic;
  Privilege privilege;
  Sensitive sensitive;
  CostClass cost;
  bool ends_block;        // control flow, or state the next instruction's decoding or interruptibility depends on
  const char* section;    // of the manual: "SDM 2A 3.2 ADD"
  Bind bind;
};

// Rows of each group; the table joins them (isa/instruction_table.h).
std::span<const InstructionInfo> integer_instructions();    // exec/integer*: moves, ALU, shifts, multiply, bits, stack, flags, strings
std::span<const InstructionInfo> branch_instructions();     // exec/branch*: near control flow
std::span<const InstructionInfo> system_instructions();     // exec/system*: far control flow, privileged and sensitive, CPUID, MSRs, I/O
std::span<const InstructionInfo> x87_instructions();        // exec/x87*
std::span<const InstructionInfo> simd_instructions();       // exec/simd*: MMX, SSE .. SSE4.2

}  // namespace ringside::hw
