// What batches cost, counted on hypercalls that were really made: C3 of the published invariants.
#include "vmm/techniques/pv/cost.h"

#include "hwmodel/cost/profile.h"
#include "tests/catch.h"
#include "vmm/techniques/pv/testing/small_guest.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::pv;
using namespace ringside::vmm::pv::testing;
using hw::Primitive;

namespace {

// Cycles of `updates` page-table updates in batches of `batch`.
uint64_t cost_of(const hw::CostTable& costs, unsigned updates, unsigned batch) {
  SmallGuest g;
  uint64_t spent = 0;
  const auto spend = [&](hw::CycleCategory, uint64_t cycles) { spent += cycles; };
  g.engine->on_done([&](const HypercallRecord& r) {
    charge_round_trip(costs, spend);
    charge_service(costs, r.items, spend);
  });
  for (unsigned done = 0; done < updates; done += batch) {
    for (unsigned i = 0; i < batch; ++i) {
      const uint64_t page = g.free(20 + i % 8);
      g.at<pv_mmu_update>(g.free(4) + i * sizeof(pv_mmu_update)) = {g.entry_address(page), address_of(g.frame_at(page)).value | (done / batch % 2 ? 1 : 3)};
    }
    REQUIRE(g.call(kPvMmuUpdate, {g.free(4), batch, 0}) == 0);
  }
  return spent;
}

}  // namespace

TEST_CASE("C3: a batch of b costs (H + b v) / b an update, and from two on it beats a trap for each") {
  for (const char* name : {"early-vtx", "sandybridge-e5-2430", "skylake", "zen", "modern", "hyperbench-xeon"}) {
    const hw::CostTable costs = hw::load_cost_profile(name).value().table();
    const uint64_t h = costs.of(Primitive::kExceptionDelivery) + costs.of(hw::CostClass::kSerialize) + costs.of(Primitive::kDispatch), v = costs.of(Primitive::kHypercall);
    // Trap and emulate: the same way in for each single update, and the store to the protected table done by the monitor.
    const uint64_t trap = h + costs.of(Primitive::kPageTableWrite);
    constexpr unsigned kUpdates = 2048;
    uint64_t before = ~0ull;
    for (unsigned b = 1; b <= kUpdates; b *= 2) {
      const uint64_t cost = cost_of(costs, kUpdates, b);
      INFO(name << ", batches of " << b);
      CHECK(cost == kUpdates / b * (h + b * v));
      CHECK(cost < before);
      if (b >= 2) CHECK(cost < kUpdates * trap);
      before = cost;
    }
    // Where the service costs as much as the trap's, one at a time is no better than a trap: it is the batch that wins.
    hw::CostTable even = costs;
    even.primitive[static_cast<size_t>(Primitive::kHypercall)] = costs.of(Primitive::kPageTableWrite);
    CHECK(cost_of(even, 16, 1) == 16 * trap);
    CHECK(cost_of(even, 16, 2) < 16 * trap);
  }
}
