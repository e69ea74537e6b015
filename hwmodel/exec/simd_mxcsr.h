// Runs a piece of host SSE arithmetic under the guest's MXCSR and turns its flags into the guest's: sticky flags, or #XM without
// writing. Used by the floating-point groups of SIMD; the arithmetic itself is inline assembly in their files, because the
// compiler may swap operands (which changes NaN payloads) or move intrinsics across a change of MXCSR.
#pragma once

#include "hwmodel/exec/fpu_gate.h"

namespace ringside::hw {

// MXCSR [SDM 1 10.2.3]: 15 FTZ | 14:13 RC | 12 PM 11 UM 10 OM 9 ZM 8 DM 7 IM | 6 DAZ | 5 PE 4 UE 3 OE 2 ZE 1 DE 0 IE
namespace mxcsr {
constexpr uint32_t kIe = 1 << 0, kDe = 1 << 1, kZe = 1 << 2, kOe = 1 << 3, kUe = 1 << 4, kPe = 1 << 5, kFlags = 0x3f, kDaz = 1 << 6,
                   kMasks = 0x1f80, kUnderflowMask = 1 << 11, kRoundingMask = 3 << 13, kFtz = 1 << 15, kDefault = 0x1f80, kWritable = 0xffff;
constexpr unsigned kMaskShift = 7, kRoundingShift = 13;
// Found before the operation is carried out; any of them unmasked keeps the others from being looked for [SDM 1 11.5.3.2].
constexpr uint32_t kBefore = kIe | kDe | kZe;
}  // namespace mxcsr

// What the host must be told so that results come out as the guest's MXCSR asks. With underflow unmasked FTZ has no effect
// [SDM 1 10.2.3.3].
inline uint32_t host_mxcsr(uint32_t guest) {
  uint32_t control = guest & (mxcsr::kDaz | mxcsr::kRoundingMask | mxcsr::kFtz);
  if (!(guest & mxcsr::kUnderflowMask)) control &= ~mxcsr::kFtz;
  return control | mxcsr::kMasks;
}
inline uint32_t read_host_mxcsr() {
  uint32_t value;
  asm volatile("stmxcsr %0" : "=m"(value));
  return value;
}
inline void write_host_mxcsr(uint32_t value) { asm volatile("ldmxcsr %0" : : "m"(value)); }

// Adds the flags of one operation to MXCSR. False: one of them is unmasked and #XM (#UD without CR4.OSXMMEXCPT) is pending.
bool accept_float_flags(Cpu& cpu, uint32_t flags);

struct NeverTiny {
  bool operator()() const { return false; }
};

// `compute` does the host arithmetic into variables of the caller: inline assembly only, and repeatable. `tiny` says whether a
// result is denormal: with underflow unmasked even an exact tiny result is an exception, which the masked host does not report.
// True: the caller may write the result.
template <class Compute, class Tiny = NeverTiny>
[[nodiscard]] inline bool with_guest_mxcsr(Cpu& cpu, Compute&& compute, Tiny&& tiny = {}) {
  const uint32_t guest = cpu.mxcsr;
  if ((guest & ~mxcsr::kFlags) == mxcsr::kDefault) [[likely]] {
    // The host's control bits are the default already. Its flags are sticky and may be old; if none is new to the guest, all is said.
    compute();
    if ((read_host_mxcsr() & ~(guest & mxcsr::kFlags)) == mxcsr::kDefault) [[likely]] return true;
  }
  write_host_mxcsr(host_mxcsr(guest));
  compute();
  uint32_t flags = read_host_mxcsr() & mxcsr::kFlags;
  write_host_mxcsr(mxcsr::kDefault);
  if (!(guest & mxcsr::kUnderflowMask) && tiny()) flags |= mxcsr::kUe;
  return accept_float_flags(cpu, flags);
}

// Is lane `count` > i of T (uint32_t: single, uint64_t: double) denormal, for any i?
template <class T>
inline bool any_denormal(__m128i value, unsigned count) {
  T lane[16 / sizeof(T)];
  std::memcpy(lane, &value, 16);
  constexpr T kExponent = sizeof(T) == 4 ? T{0x7f800000} : static_cast<T>(0x7ff0000000000000ull);
  constexpr T kMagnitude = static_cast<T>(~T{0}) >> 1;
  for (unsigned i = 0; i < count; ++i) {
    if ((lane[i] & kExponent) == 0 && (lane[i] & kMagnitude) != 0) return true;
  }
  return false;
}

}  // namespace ringside::hw
