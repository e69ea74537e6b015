// CostTable: the numbers of a cost profile alone, flat, for the run loop and the block builder. Made by CostProfile::table().
#pragma once

#include "hwmodel/cost/primitive.h"

namespace ringside::hw {

struct CostTable {
  std::array<uint32_t, kCostClasses> instruction{};
  std::array<uint32_t, kPrimitives> primitive{};
  uint32_t of(CostClass c) const { return instruction[static_cast<size_t>(c)]; }
  uint32_t of(Primitive p) const { return primitive[static_cast<size_t>(p)]; }
};

}  // namespace ringside::hw
