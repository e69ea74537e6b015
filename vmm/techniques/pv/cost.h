// What asking the monitor costs on the modelled machine, in the prices of the cost profiles: H, the round trip into the monitor and back, which
// is that of any trap of a deprivileged guest; and v for each item of a hypercall's batch, the service (Primitive::kHypercall). Charged by the
// virtual CPU; held against C3 of the published invariants by cost_test.
#pragma once

#include <cstdint>

#include "hwmodel/cost/account.h"
#include "hwmodel/cost/cost_table.h"

namespace ringside::vmm::pv {

// Calls spend(category, cycles). In and out: the trap, and the IRET back, which serialises.
template <class Spend>
void charge_round_trip(const hw::CostTable& costs, Spend&& spend) {
  spend(hw::CycleCategory::kWorldSwitch, uint64_t{costs.of(hw::Primitive::kExceptionDelivery)} + costs.of(hw::CostClass::kSerialize));
  spend(hw::CycleCategory::kMonitorDispatch, uint64_t{costs.of(hw::Primitive::kDispatch)});
}

template <class Spend>
void charge_service(const hw::CostTable& costs, uint64_t items, Spend&& spend) {
  spend(hw::CycleCategory::kMonitorHypercall, items * costs.of(hw::Primitive::kHypercall));
}

}  // namespace ringside::vmm::pv
