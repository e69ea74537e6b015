// CostTable: the numbers of a cost profile alone, flat, for the run loop and the block builder. Made by CostProfile::table().
#pragma once

#include "hwmodel/cost/primitive.h"

namespace ringside::hw {

// What executes the guest's instructions: the modelled processor, or a program on it that interprets them.
enum class Executor : uint8_t { kProcessor, kInterpreter };

struct CostTable {
  std::array<uint32_t, kCostClasses> instruction{};
  std::array<uint32_t, kPrimitives> primitive{};
  Executor executor = Executor::kProcessor;
  uint32_t each_instruction = 0;     // beyond the price of its class
  uint32_t each_memory_operand = 0;
  uint32_t of(CostClass c) const { return instruction[static_cast<size_t>(c)]; }
  uint32_t of(Primitive p) const { return primitive[static_cast<size_t>(p)]; }
  // One iteration of a REP instruction: at most two memory operands, and no dispatch.
  uint32_t iteration() const { return of(CostClass::kString) + 2 * each_memory_operand; }
};

// The same machine with the guest interpreted. An event enters its handler at the price of an emulated instruction; a walk is the software
// TLB's miss; classes keep their prices, as what the interpreter's handler does in the end is the instruction's work.
CostTable interpreted(const CostTable& processor);

}  // namespace ringside::hw
