// Memory statistics against numbers worked out by hand, and from traces that lie.
#include "traces/query/memory_stats.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace ringside::traces;

TEST_CASE("miss rates, references a walk, operations and lengths") {
  MemoryStatsBuilder builder;
  builder(Walk{.references = 24});
  builder(Walk{.references = 24});
  builder(Walk{.references = 4});
  builder(Paging{.operation = PagingOperation::kFill});
  builder(Paging{.operation = PagingOperation::kSync});
  builder(Paging{.operation = PagingOperation::kFill});
  const MemoryStats s = builder.finish({{"data_accesses", 1000}, {"fetch_accesses", 500}, {"l1_data_tlb_misses", 50}, {"l1_fetch_tlb_misses", 10}, {"l2_tlb_hits", 45},
                                        {"page_walks", 16}, {"page_walk_references", 160}, {"page_walks_nested", 10}, {"page_walk_references_nested", 130},
                                        {"page_walks_shadow", 6}, {"page_walk_references_shadow", 30}, {"page_walks_write", 16}, {"page_walk_references_write", 160},
                                        {"monitor_table_bytes", 8192}, {"monitor_table_bytes_most", 12288}});
  REQUIRE(s.tlbs.size() == 3);
  CHECK(s.tlbs[0].miss_rate() == Approx(0.05));
  CHECK(s.tlbs[1].miss_rate() == Approx(0.02));
  CHECK(s.tlbs[2].miss_rate() == Approx(0.25));
  CHECK(s.misses == 15);
  CHECK(s.references_per_miss() == Approx(10));
  REQUIRE(s.modes.size() == 2);
  CHECK(s.modes[0].name == "nested");
  CHECK(s.modes[0].references_per_walk() == Approx(13));
  CHECK(s.operations == std::vector<std::pair<std::string, uint64_t>>{{"fill", 2}, {"sync", 1}});
  CHECK(s.lengths == std::vector<std::pair<unsigned, uint64_t>>{{4, 1}, {24, 2}});
  const auto json = to_json(s);
  CHECK(json["by_mode"]["nested"]["references_per_walk"] == 13.0);
  CHECK(json["operations"]["fill"] == 2);
  CHECK(json["most_table_bytes"] == 12288);
  const std::string text = to_text(s);
  for (const auto word : {"L1 data", "5.000%", "nested", "13.00", "10.00 references per TLB miss", "8 KiB", "12 KiB", "fill", "24"}) {
    INFO(word);
    CHECK(text.find(word) != std::string::npos);
  }
}

TEST_CASE("a trace without counters, and one that claims nonsense") {
  CHECK(to_text(MemoryStatsBuilder().finish({})).empty());
  MemoryStatsBuilder builder;
  builder(Walk{.references = ~0u});
  const MemoryStats s = builder.finish({{"l1_data_tlb_misses", 5}, {"l2_tlb_hits", ~0ull}, {"page_walks", 1}});
  CHECK(s.misses == 0);
  CHECK(s.references_per_miss() == 0);
  CHECK(s.lengths.size() == 1);
}
