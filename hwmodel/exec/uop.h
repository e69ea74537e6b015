// The micro-op: one decoded guest instruction, ready to run, and the contract of its handler.
//
// A handler does one whole instruction and returns what runs next:
//   next(op)          the following micro-op of the block (a tail call in optimised builds);
//   leave(cpu, op)    after the instruction retired, out of the block, rip already set (branches, serialising instructions);
//   fault(cpu, op)    the instruction did not retire; cpu.pending says which exception (set by raise or a failed access);
//   stop(cpu, op)     the instruction did not retire; cpu.stop says why the machine must leave (I/O, halt ...).
#pragma once

#include <cstdint>

namespace ringside::hw {

class Cpu;
struct Uop;
using Handler = const Uop* (*)(Cpu&, const Uop*);

// How the memory operand's address is formed.
enum class AddressMode : uint8_t {
  kFlat,     // 64-bit mode, 64-bit address size, segment base 0
  kLongSeg,  // 64-bit mode, FS or GS base added
  kLong32,   // 64-bit mode, 32-bit address size (segment base added after truncation)
  kLegacy16, // 16-bit address size outside 64-bit mode: segment base, limit and rights apply
  kLegacy32, // the same with 32-bit address size
};

enum UopFlag : uint8_t { kLock = 1, kRep = 2, kRepne = 4, kOperandRexW = 8 };

struct Uop {
  Handler fn = nullptr;
  uint64_t imm = 0;        // immediate (sign-extended); for relative branches the target's offset from the block's rip
  int32_t disp = 0;        // displacement; for RIP-relative operands relative to the block's rip (base = kBlockRip)
  uint16_t offset = 0;     // of this instruction from the block's rip
  uint16_t opcode = 0;     // x87 opcode for FOP; otherwise free for the group
  // Register operands. 8-bit operands hold the byte offset into gpr[] (AH is 1); XMM/MMX/ST operands the register number.
  uint8_t dst = 0, src = 0;
  uint8_t base = 16, index = 16;  // general registers of the memory operand (kNoReg when absent)
  uint8_t scale = 0;       // shift of the index: 0..3
  uint8_t segment = 6;     // SegmentName of the memory operand
  AddressMode mode = AddressMode::kFlat;
  uint8_t length = 0;      // bytes of the instruction
  uint8_t flags = 0;       // UopFlag
  uint8_t operand_size = 0;// in bytes: 1, 2, 4, 8 (16 for SSE)
  uint8_t src2 = 0;        // third operand's register, or the group's own use
  uint8_t index_in_block = 0;
  uint8_t code_size = 64;  // 16, 32 or 64: default operand size of the code segment (64 = 64-bit mode)
  uint8_t stack_size = 8;  // bytes of the stack pointer in use: 2, 4 or 8
  uint8_t address_size = 8;// bytes of the address size (for string, loop, jcxz): 2, 4 or 8
  uint8_t group = 0;       // free for the group (e.g. condition code)
};
static_assert(sizeof(Uop) == 40);

#if defined(RINGSIDE_NO_TAIL_CALLS) || !defined(__OPTIMIZE__)
inline constexpr bool kTailCalls = false;
#else
inline constexpr bool kTailCalls = true;
#endif

// The next micro-op of the block, run by a tail call where the build allows it.
inline const Uop* next(Cpu& cpu, const Uop* op) {
  if constexpr (kTailCalls) return op[1].fn(cpu, op + 1);
  return op + 1;
}

}  // namespace ringside::hw
