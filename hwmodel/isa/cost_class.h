// CostClass: what instructions cost the same modelled time, as the instruction table groups them. The prices are in cost profiles
// (cost/profile.h).
#pragma once

#include <cstdint>

namespace ringside::hw {

enum class CostClass : uint8_t {
  kNop, kMove, kAlu, kShift, kMultiply, kDivide, kBranch, kIndirect, kCall, kStack, kString, kLocked, kX87, kX87Slow, kSimd, kSimdSlow,
  kSystem, kSerialize, kIo, kFence
};

}  // namespace ringside::hw
