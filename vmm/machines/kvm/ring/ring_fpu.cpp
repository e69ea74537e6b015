// FXSAVE keeps the x87 registers by their place on the stack, the model by their number; the tag byte is by number in both, with the opposite sense.
#include "vmm/machines/kvm/ring/ring_fpu.h"

namespace ringside::vmm {

namespace {
unsigned top_of(uint16_t status) { return status >> 11 & 7; }
}  // namespace

void fpu_of(const FxsaveImage& from, hw::CpuState& to) {
  hw::FpuState& fpu = to.fpu;
  fpu.control = from.control;
  fpu.status = from.status;
  fpu.empty = static_cast<uint8_t>(~from.tags);
  fpu.last_opcode = from.opcode;
  fpu.last_ip = from.ip;
  fpu.last_dp = from.dp;
  for (unsigned i = 0; i < 8; ++i)
    fpu.st[(top_of(from.status) + i) & 7] = {.mantissa = from.st[i].lo, .sign_exponent = static_cast<uint16_t>(from.st[i].hi)};
  for (unsigned i = 0; i < 16; ++i) to.xmm[i] = {.lo = from.xmm[i].lo, .hi = from.xmm[i].hi};
  to.mxcsr = from.mxcsr;
}

FxsaveImage fxsave_of(const hw::CpuState& from) {
  const hw::FpuState& fpu = from.fpu;
  FxsaveImage to;
  to.control = fpu.control;
  to.status = fpu.status;
  to.tags = static_cast<uint8_t>(~fpu.empty);
  to.opcode = fpu.last_opcode;
  to.ip = fpu.last_ip;
  to.dp = fpu.last_dp;
  for (unsigned i = 0; i < 8; ++i) {
    const hw::X87Register& st = fpu.st[(top_of(fpu.status) + i) & 7];
    to.st[i] = {.lo = st.mantissa, .hi = st.sign_exponent};
  }
  for (unsigned i = 0; i < 16; ++i) to.xmm[i] = {.lo = from.xmm[i].lo, .hi = from.xmm[i].hi};
  to.mxcsr = from.mxcsr;
  return to;
}

}  // namespace ringside::vmm
