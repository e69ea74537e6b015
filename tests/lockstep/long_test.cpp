// Register lockstep over all of Debian's boot, to its script and to power-off: minutes (label long).
#include "tests/boot/fetched_guests.h"
#include "tests/lockstep/lockstep.h"
#include "vmm/techniques/hw/hw_equivalence.h"

using namespace ringside;
using namespace ringside::testing;

TEST_CASE("Debian's boot under each paging of hw, to power-off") {
  if (!guests_fetched()) return;
  for (const char* paging : {"nested", "shadow", "agile"}) {
    Plan plan;
    plan.run = debian_run();
    plan.run.technique = "hw";
    plan.run.paging = paging;
    plan.permitted = vmm::hw_permitted_differences();
    plan.every = 49'999;
    plan.memory_every = 1'000;
    const auto verdict = compare_with_native(plan);
    REQUIRE(verdict.has_value());
    INFO(paging << ": " << verdict.value().comparisons << " comparisons");
    if (verdict.value().difference) FAIL_CHECK(verdict.value().difference->text());
    CHECK(verdict.value().ended);
  }
}
