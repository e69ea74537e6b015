// The checks in front of every x87, MMX and SSE instruction, the aligned memory operands they share, and the wrapper that
// turns "did it work?" functions into micro-op handlers. Called by the x87_*, simd_* and fpu_* groups.
#pragma once

#include <emmintrin.h>

#include "hwmodel/exec/access.h"

namespace ringside::hw {

// Executes one instruction; false: not retired, cpu.pending or cpu.stop says why.
using Execute = bool (*)(Cpu&, const Uop*);

// The handler around `execute`. Its locals live in `execute` only, so the tail call to the next micro-op stays one.
template <Execute execute>
const Uop* handler(Cpu& cpu, const Uop* op) {
  if (!execute(cpu, op)) [[unlikely]] return fault(cpu, op);
  return next(cpu, op);
}

// x87 status word [SDM 1 8.1.3 "x87 FPU Status Register"]:
//   15 B | 14 C3 | 13:11 TOP | 10 C2 | 9 C1 | 8 C0 | 7 ES (kSummary) | 6 SF | 5 PE | 4 UE | 3 OE | 2 ZE | 1 DE | 0 IE
namespace x87_status {
constexpr uint16_t kIe = 1 << 0, kDe = 1 << 1, kZe = 1 << 2, kOe = 1 << 3, kUe = 1 << 4, kPe = 1 << 5, kSf = 1 << 6, kSummary = 1 << 7,
                   kC0 = 1 << 8, kC1 = 1 << 9, kC2 = 1 << 10, kC3 = 1 << 14, kBusy = 1 << 15, kTopMask = 7 << 11, kExceptions = 0x3f;
constexpr unsigned kTopShift = 11;
}  // namespace x87_status

// #UD or #NM, whichever the control registers ask for [SDM 3A 13.1, table 13-1; SDM 2A table 2-21]. Always false.
bool refuse_sse(Cpu& cpu);
bool refuse_mmx(Cpu& cpu);
bool refuse_x87(Cpu& cpu);

// SSE instructions: CR0.EM clear, CR0.TS clear, CR4.OSFXSR set.
inline bool allow_sse(Cpu& cpu) {
  if ((cpu.cr0 & (cr0::kEm | cr0::kTs)) == 0 && (cpu.cr4 & cr4::kOsfxsr)) [[likely]] return true;
  return refuse_sse(cpu);
}
// MMX instructions: CR0.EM and CR0.TS clear, no x87 exception pending.
inline bool allow_mmx(Cpu& cpu) {
  if ((cpu.cr0 & (cr0::kEm | cr0::kTs)) == 0 && !(cpu.fpu.status & x87_status::kSummary)) [[likely]] return true;
  return refuse_mmx(cpu);
}
// x87 instructions: the same bits, but EM means #NM. `allow_x87_no_wait` is for those that do not look at pending exceptions.
inline bool allow_x87(Cpu& cpu) {
  if ((cpu.cr0 & (cr0::kEm | cr0::kTs)) == 0 && !(cpu.fpu.status & x87_status::kSummary)) [[likely]] return true;
  return refuse_x87(cpu);
}
inline bool allow_x87_no_wait(Cpu& cpu) {
  if ((cpu.cr0 & (cr0::kEm | cr0::kTs)) == 0) [[likely]] return true;
  return cpu.raise(Vector::kNM);
}

// Every MMX instruction but EMMS marks all registers valid and makes physical register 0 the top [SDM 1 9.5.1].
inline void enter_mmx(Cpu& cpu) {
  cpu.fpu.status &= static_cast<uint16_t>(~x87_status::kTopMask);
  cpu.fpu.empty = 0;
}
inline uint64_t mmx(const Cpu& cpu, unsigned n) { return cpu.fpu.st[n].mantissa; }
inline void set_mmx(Cpu& cpu, unsigned n, uint64_t value) { cpu.fpu.st[n] = {value, 0xffff}; }

inline __m128i get_xmm(const Cpu& cpu, unsigned n) { return _mm_load_si128(reinterpret_cast<const __m128i*>(&cpu.xmm[n])); }
inline void set_xmm(Cpu& cpu, unsigned n, __m128i value) { _mm_store_si128(reinterpret_cast<__m128i*>(&cpu.xmm[n]), value); }

enum class Alignment { kAny, kSixteen };

// 16-byte memory operands. kSixteen: #GP(0) unless aligned [SDM 1 4.1.1].
template <Alignment alignment>
[[nodiscard]] inline bool load_vector(Cpu& cpu, const Uop* op, __m128i& out) {
  uint64_t linear;
  if (!operand_address(cpu, op, 16, false, linear)) return false;
  if (alignment == Alignment::kSixteen && (linear & 15)) [[unlikely]] return cpu.raise(Vector::kGP, 0);
  U128 value;
  if (!load_linear(cpu, linear, value)) return false;
  out = _mm_set_epi64x(static_cast<int64_t>(value.hi), static_cast<int64_t>(value.lo));
  return true;
}
template <Alignment alignment>
[[nodiscard]] inline bool store_vector(Cpu& cpu, const Uop* op, __m128i value) {
  uint64_t linear;
  if (!operand_address(cpu, op, 16, true, linear)) return false;
  if (alignment == Alignment::kSixteen && (linear & 15)) [[unlikely]] return cpu.raise(Vector::kGP, 0);
  return store_linear(cpu, linear, value);
}

}  // namespace ringside::hw
