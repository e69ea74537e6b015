// x87 and SSE state between FXSAVE's format, which KVM_GET_XSAVE begins with, and the modelled CPU's. Pure; used by KvmRingCpu.
// Not KVM_GET_FPU: it leaves MXCSR out, and what KVM_SET_FPU sets is lost while XSTATE_BV says that the guest has not touched it yet.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::vmm {

// [SDM 1 10.5.1 "FXSAVE Area", table 10-2, 64-bit mode with REX.W]
struct FxsaveImage {
  uint16_t control = 0x37f, status = 0;
  uint8_t tags = 0, reserved = 0;  // a bit for each register that is not empty
  uint16_t opcode = 0;
  uint64_t ip = 0, dp = 0;
  uint32_t mxcsr = 0x1f80, mxcsr_mask = 0xffff;
  struct Slot {
    uint64_t lo = 0, hi = 0;
  };
  std::array<Slot, 8> st;  // from the top of the stack
  std::array<Slot, 16> xmm;
};
static_assert(sizeof(FxsaveImage) == 416);

void fpu_of(const FxsaveImage& from, hw::CpuState& to);
FxsaveImage fxsave_of(const hw::CpuState& from);

}  // namespace ringside::vmm
