// What a loader leaves behind: the registers the guest starts with and the list of what was put where. The same for both
// machines: applied to any Vcpu.
#pragma once

#include <string>
#include <vector>

#include "traces/base/result.h"
#include "traces/base/types.h"
#include "vmm/core/registers.h"
#include "vmm/core/vcpu.h"

namespace ringside::vmm {

// A piece of guest memory a loader filled or reserved, for reports and overlap checks.
struct PlacedRegion {
  std::string what;
  GuestPhysical address;
  uint64_t bytes = 0;
};

struct BootState {
  Registers registers;
  std::string description;              // one line: "Linux 6.1.0 (bzImage, decompressed on the host), 64-bit entry"
  std::vector<PlacedRegion> regions;
};

inline Result<void> apply(const BootState& state, Vcpu& vcpu) { return vcpu.set_registers(state.registers); }

// True if [a, a + a_bytes) and [b, b + b_bytes) share a byte; empty ranges never do. Robust against wrap-around.
bool overlap(GuestPhysical a, uint64_t a_bytes, GuestPhysical b, uint64_t b_bytes);

}  // namespace ringside::vmm
