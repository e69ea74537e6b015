// The world of the agile experiment: the monitor's pagings translate there what the guest's tables say, and the orderings
// that follow from the number of references hold [figures: invariants O5].
#include "sim/experiments/paging_world.h"

#include <random>

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;

namespace {

constexpr uint64_t kLinear = uint64_t{1} << 30, kFrame = uint64_t{64} << 20, kBytes = uint64_t{32} << 20;

std::unique_ptr<PagingWorld> world_of(WorldPaging paging) {
  auto world = PagingWorld::create({.paging = paging, .tlb = *hw::find_tlb_profile("sandy-bridge")});
  REQUIRE(world);
  for (uint64_t at = 0; at < kBytes; at += kPageSize) world.value()->map(kLinear + at, kFrame + at);
  world.value()->start();
  return std::move(world.value());
}

// Random pages of 32 MiB: nearly every access misses the TLBs' 2 MiB.
void touch(PagingWorld& world, unsigned accesses) {
  std::mt19937 random(7);
  bool all = true;
  for (unsigned i = 0; i < accesses; ++i) all &= world.access(kLinear + random() % (kBytes / kPageSize) * kPageSize, hw::AccessKind::kRead);
  CHECK(all);
}

}  // namespace

TEST_CASE("O5: many TLB misses and no page-table updates: native <= shadow < nested", "[experiment]") {
  // References of the same accesses, and what the exits may cost without changing the order: each page is filled once.
  std::array<double, 4> average{};
  std::array<uint64_t, 4> late_exits{};
  for (const WorldPaging paging : {WorldPaging::kNative, WorldPaging::kShadow, WorldPaging::kNested, WorldPaging::kAgile}) {
    const auto world = world_of(paging);
    touch(*world, 100'000);
    world->reset_counts();
    touch(*world, 20'000);
    const auto index = static_cast<size_t>(paging);
    average[index] = world->shares().average_references();
    late_exits[index] = world->exits();
    CHECK(world->shares().total() > 15'000);
  }
  CHECK(average[0] == 4);
  CHECK(average[1] == 4);   // native <= shadow
  CHECK(average[2] == 24);  // shadow < nested
  CHECK(average[3] == 4);   // nothing is written, so nothing switches
  for (const uint64_t exits : late_exits) CHECK(exits == 0);
}

TEST_CASE("an update of a page table is seen under every paging", "[experiment]") {
  for (const WorldPaging paging : {WorldPaging::kNative, WorldPaging::kShadow, WorldPaging::kNested, WorldPaging::kAgile}) {
    INFO(static_cast<int>(paging));
    const auto world = world_of(paging);
    const uint64_t entry = world->tables().entry_address(kLinear, 1);
    CHECK(world->access(kLinear, hw::AccessKind::kWrite));
    world->update(entry, 0, kLinear);
    CHECK_FALSE(world->access(kLinear, hw::AccessKind::kRead));
    world->update(entry, kFrame | 0x25, kLinear);  // read-only
    CHECK(world->access(kLinear, hw::AccessKind::kRead));
    CHECK_FALSE(world->access(kLinear, hw::AccessKind::kWrite));
    world->update(entry, kFrame | 0x27, kLinear);
    CHECK(world->access(kLinear, hw::AccessKind::kWrite));
    CHECK(world->updates() == 3);
  }
}

TEST_CASE("a table written often becomes nested under agile paging, and is shadowed again after a quiet interval", "[experiment]") {
  const auto world = world_of(WorldPaging::kAgile);
  const uint64_t entry = world->tables().entry_address(kLinear, 1);
  const auto references = [&] {
    world->reset_counts();
    world->update(entry + 8, (kFrame + kPageSize) | 0x67, kLinear);  // another page of the table; INVLPG makes the next access walk
    world->reset_counts();
    CHECK(world->access(kLinear, hw::AccessKind::kRead));
    return world->shares().average_references();
  };
  CHECK(world->access(kLinear, hw::AccessKind::kRead));
  CHECK(references() == 4);
  CHECK(references() == 8);  // the second write
  const uint64_t interval = vmm::AgilePolicyOptions().interval;
  for (int i = 0; i < 3; ++i) world->pass(interval);
  CHECK(world->access(kLinear, hw::AccessKind::kRead));
  CHECK(references() == 4);
}
