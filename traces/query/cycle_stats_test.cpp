// Cycles by category over a run and over its phases.
#include "traces/query/cycle_stats.h"

#include "tests/catch.h"

using namespace ringside::traces;

namespace {

Counter counter(std::string_view name, uint64_t value) {
  Counter event;
  event.name = name;
  event.value = value;
  return event;
}

}  // namespace

TEST_CASE("cycle stats: totals are the last values, phases the differences between markers", "[stats]") {
  CycleStatsBuilder builder;
  CHECK(builder.total().empty());
  builder(counter("cycles_idle", 5));
  builder(counter("instructions", 1000));
  builder(Marker{});
  builder(counter("cycles_idle", 5));
  builder(counter("cycles_page_walk", 40));
  builder(Marker{});
  builder(counter("cycles_idle", 9));
  builder(counter("cycles_page_walk", 50));
  CHECK(builder.total() == CycleRows{{"idle", 9}, {"page_walk", 50}});
  CHECK(sum_of(builder.total()) == 59);
  CHECK(builder.phase(0) == CycleRows{{"page_walk", 40}});
  CHECK(builder.phase(1) == CycleRows{{"idle", 4}, {"page_walk", 10}});
  CHECK(builder.phase(2).empty());
}

TEST_CASE("cycle stats: a trace that goes backwards gives no negative cycles", "[stats]") {
  CycleStatsBuilder builder;
  builder(counter("cycles_idle", 9));
  builder(Marker{});
  builder(counter("cycles_idle", 3));
  CHECK(builder.phase(0).empty());
}
