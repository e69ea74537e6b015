#include "hwmodel/cost/cost_table.h"

namespace ringside::hw {

CostTable interpreted(const CostTable& processor) {
  CostTable costs = processor;
  costs.executor = Executor::kInterpreter;
  costs.each_instruction = processor.of(Primitive::kInterpretInstruction);
  costs.each_memory_operand = processor.of(Primitive::kSoftTlbHit);
  for (const Primitive delivery : {Primitive::kExceptionDelivery, Primitive::kInterruptDelivery})
    costs.primitive[static_cast<size_t>(delivery)] = processor.of(Primitive::kEmulateInstruction);
  return costs;
}

}  // namespace ringside::hw
