// Every modelled cycle belongs to exactly one category.
#include "hwmodel/cost/account.h"

#include <set>

#include "hwmodel/cost/meter.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

TEST_CASE("cycle account: the sum is the total, and a cycle too many is seen", "[cost]") {
  CycleAccount account;
  REQUIRE(account.balances(Cycles(0)));
  for (size_t i = 0; i < kCycleCategories; ++i) account.charge(static_cast<CycleCategory>(i), i + 1);
  const uint64_t total = kCycleCategories * (kCycleCategories + 1) / 2;
  REQUIRE(account.sum() == total);
  REQUIRE(account.balances(Cycles(total)));
  REQUIRE_FALSE(account.balances(Cycles(total + 1)));
  account.charge(CycleCategory::kIdle, 5);
  REQUIRE_FALSE(account.balances(Cycles(total)));
}

TEST_CASE("cycle account: an interval is the difference of two copies", "[cost]") {
  CycleAccount account;
  account.charge(CycleCategory::kPageWalk, 10);
  const CycleAccount before = account;
  account.charge(CycleCategory::kPageWalk, 7);
  account.charge(CycleCategory::kDevice, 3);
  const CycleAccount interval = account.since(before);
  REQUIRE(interval.of(CycleCategory::kPageWalk) == 7);
  REQUIRE(interval.of(CycleCategory::kDevice) == 3);
  REQUIRE(interval.sum() == 10);
}

TEST_CASE("cycle meter: each primitive advances the clock and charges its category by its price", "[cost]") {
  CostTable costs;
  for (size_t i = 0; i < kPrimitives; ++i) costs.primitive[i] = static_cast<uint32_t>(100 + i);
  for (size_t i = 0; i < kPrimitives; ++i) {
    const auto primitive = static_cast<Primitive>(i);
    CycleMeter meter(costs);
    meter.spend(primitive, 3);
    REQUIRE(meter.elapsed() == Cycles(3 * (100 + i)));
    REQUIRE(meter.account().of(category_of(primitive)) == 3 * (100 + i));
    REQUIRE(meter.account().balances(meter.elapsed()));
    REQUIRE(category_of(primitive) != CycleCategory::kIdle);
    REQUIRE(category_of(primitive) != CycleCategory::kGuestUser);
  }
}

TEST_CASE("cost names: one for each, none twice", "[cost]") {
  const std::set<std::string_view> categories(kCycleCategoryNames.begin(), kCycleCategoryNames.end()),
      primitives(kPrimitiveNames.begin(), kPrimitiveNames.end()), classes(kCostClassNames.begin(), kCostClassNames.end());
  REQUIRE(categories.size() == kCycleCategories);
  REQUIRE(primitives.size() == kPrimitives);
  REQUIRE(classes.size() == kCostClasses);
  for (const auto& names : {categories, primitives, classes}) REQUIRE(names.count("") == 0);
}
