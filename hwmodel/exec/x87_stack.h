// The x87 register stack: TOP, tags, status flags, and the answers to stack faults. Data types are in machine/cpu_state.h.
// Used by the x87_* groups and FXSAVE/FXRSTOR.
#pragma once

#include "hwmodel/exec/fpu_gate.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw::x87 {

using namespace x87_status;

// Control word [SDM 1 8.1.5]: 12 X | 11:10 RC | 9:8 PC | 5 PM 4 UM 3 OM 2 ZM 1 DM 0 IM. Bit 6 reads as 1, the other reserved ones as 0.
inline uint16_t fixed_control(uint16_t value) { return static_cast<uint16_t>((value & 0x1f3f) | 0x40); }
enum class Rounding : uint8_t { kNearest, kDown, kUp, kZero };
inline Rounding rounding(const FpuState& f) { return static_cast<Rounding>(f.control >> 10 & 3); }

inline unsigned top(const FpuState& f) { return f.status >> kTopShift & 7; }
inline void set_top(FpuState& f, unsigned value) { f.status = static_cast<uint16_t>((f.status & ~kTopMask) | (value & 7) << kTopShift); }
inline unsigned physical(const FpuState& f, unsigned i) { return (top(f) + i) & 7; }
inline bool is_empty(const FpuState& f, unsigned i) { return f.empty >> physical(f, i) & 1; }
inline X87Register& st(FpuState& f, unsigned i) { return f.st[physical(f, i)]; }
// Writes ST(i) and marks it full.
inline void put(FpuState& f, unsigned i, const X87Register& value) {
  const unsigned p = physical(f, i);
  f.st[p] = value;
  f.empty &= static_cast<uint8_t>(~(1u << p));
}
inline void release(FpuState& f, unsigned i) { f.empty |= static_cast<uint8_t>(1u << physical(f, i)); }
inline void pop(FpuState& f) {
  release(f, 0);
  set_top(f, top(f) + 1);
}
inline void push(FpuState& f, const X87Register& value) {
  set_top(f, top(f) - 1);
  put(f, 0, value);
}

// ES and B say whether any unmasked exception flag is set [SDM 1 8.1.3.3].
inline void update_summary(FpuState& f) {
  const bool pending = f.status & ~f.control & kExceptions;
  f.status = static_cast<uint16_t>((f.status & ~(kSummary | kBusy)) | (pending ? kSummary | kBusy : 0));
}
inline void set_condition(FpuState& f, uint16_t which, uint16_t value) { f.status = static_cast<uint16_t>((f.status & ~which) | (value & which)); }
inline bool unmasked(const FpuState& f, uint16_t flags) { return flags & ~f.control & kExceptions; }

// Exceptions found before an operation: unmasked, they keep it from happening.
constexpr uint16_t kBefore = kIe | kDe | kZe;
// Adds the exception flags of `host_status` and takes over C1 (rounded up). False: the operation must not change anything else.
inline bool accept(FpuState& f, uint16_t host_status, uint16_t stopping = kBefore) {
  const auto flags = static_cast<uint16_t>(host_status & kExceptions);
  f.status = static_cast<uint16_t>((f.status & ~kC1) | flags | (host_status & kC1));
  if (flags) update_summary(f);
  return !unmasked(f, static_cast<uint16_t>(flags & stopping));
}

enum class StackFault : uint16_t { kUnderflow = 0, kOverflow = kC1 };
// IE and SF, C1 telling which. True: masked, go on with the indefinite value.
inline bool stack_fault(FpuState& f, StackFault which) {
  f.status |= kSf;
  return accept(f, static_cast<uint16_t>(kIe | static_cast<uint16_t>(which)));
}

constexpr X87Register kIndefinite{0xc000000000000000ull, 0xffff};
constexpr X87Register kOne{0x8000000000000000ull, 0x3fff};
constexpr X87Register kPositiveZero{0, 0};

// What a number is, for tags, FXAM and special cases. kUnsupported: integer bit clear with a non-zero exponent [SDM 1 8.2.2].
enum class Class { kUnsupported, kNan, kNormal, kInfinity, kZero, kDenormal };
Class classify(const X87Register& x);
inline bool is_special(Class c) { return c == Class::kNan || c == Class::kUnsupported; }
inline bool is_negative(const X87Register& x) { return x.sign_exponent & 0x8000; }

// The last non-control instruction and its operand, as FSTENV and FXSAVE show them.
inline void note_instruction(Cpu& cpu, const Uop* op) {
  FpuState& f = cpu.fpu;
  f.last_opcode = op->opcode;
  f.last_ip = cpu.rip_of(op);
  f.last_cs = cpu.segment[kCs].selector;
}
inline void note_operand(Cpu& cpu, const Uop* op) {
  note_instruction(cpu, op);
  cpu.fpu.last_dp = effective_offset(cpu, op);
  cpu.fpu.last_ds = cpu.segment[op->segment].selector;
}

// A store kept back by an unmasked exception still finds out whether it could have been made.
inline bool probe_operand(Cpu& cpu, const Uop* op, unsigned size) {
  uint64_t linear;
  return operand_address(cpu, op, size, true, linear) && probe_write(cpu, linear, size);
}

// --- tables ---------------------------------------------------------------------------------------------------------------------
std::span<const InstructionInfo> arithmetic_rows();
std::span<const InstructionInfo> compare_rows();
std::span<const InstructionInfo> move_rows();
std::span<const InstructionInfo> integer_move_rows();
std::span<const InstructionInfo> transcendental_rows();
std::span<const InstructionInfo> control_rows();
std::span<const InstructionInfo> environment_rows();

constexpr InstructionInfo row(ZydisMnemonic mnemonic, const char* section, Bind bind, CostClass cost = CostClass::kX87) {
  return {mnemonic, Privilege::kNone, Sensitive::kNo, cost, false, section, bind};
}
inline unsigned opcode_byte(const Decoded& d) { return d.insn.opcode; }
inline uint8_t stack_index(const Decoded& d) { return d.insn.raw.modrm.rm; }
inline bool has_memory(const Decoded& d) { return d.insn.raw.modrm.mod != 3; }
// FOP: the low three bits of the first opcode byte and the ModRM byte [SDM 1 8.1.9].
inline void note_opcode(const Decoded& d, Uop& u) {
  const auto& m = d.insn.raw.modrm;
  u.opcode = static_cast<uint16_t>((d.insn.opcode & 7) << 8 | m.mod << 6 | m.reg << 3 | m.rm);
}
// Register forms whose only variable is ST(i) in src.
template <Execute execute>
bool bind_stack(const Decoded& d, Uop& u) {
  note_opcode(d, u);
  u.src = stack_index(d);
  u.fn = handler<execute>;
  return true;
}

}  // namespace ringside::hw::x87
