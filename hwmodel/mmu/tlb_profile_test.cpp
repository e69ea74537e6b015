// Profiles: the built-in ones are sound and have the published sizes; impossible ones are refused with the reason.
#include "hwmodel/mmu/tlb_profile.h"

#include "hwmodel/mmu/tlb.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

unsigned entries(const TlbProfile& p, unsigned level, TlbServes serves, PageSize size) {
  for (const TlbArrayShape& a : p.arrays) {
    if (a.level == level && (a.serves == serves || a.serves == TlbServes::kBoth) &&
        a.holds[static_cast<unsigned>(size)])
      return a.entries;
  }
  return 0;
}

TlbProfile one(TlbArrayShape shape) {
  return {.name = "test", .source = "test", .arrays = {std::move(shape)}, .walk_cache = {}, .nested_tlb = 0};
}

}  // namespace

TEST_CASE("TLB profiles: the built-in ones are sound", "[mmu][tlb]") {
  for (const TlbProfile& profile : tlb_profiles()) {
    INFO(profile.name);
    REQUIRE(profile.check());
    REQUIRE_FALSE(profile.source.empty());
    REQUIRE(find_tlb_profile(profile.name) == &profile);
  }
  REQUIRE(default_tlb_profile().name == "skylake");
  REQUIRE(find_tlb_profile("abacus") == nullptr);
}

TEST_CASE("TLB profiles: published sizes", "[mmu][tlb]") {
  const TlbProfile& snb = *find_tlb_profile("sandy-bridge");  // [figures: agile_paging_facts]
  REQUIRE(entries(snb, 1, TlbServes::kData, PageSize::k4K) == 64);
  REQUIRE(entries(snb, 1, TlbServes::kData, PageSize::k2M) == 32);
  REQUIRE(entries(snb, 1, TlbServes::kData, PageSize::k1G) == 4);
  REQUIRE(entries(snb, 1, TlbServes::kFetch, PageSize::k4K) == 128);
  REQUIRE(entries(snb, 1, TlbServes::kFetch, PageSize::k2M) == 8);
  REQUIRE(entries(snb, 2, TlbServes::kData, PageSize::k4K) == 512);
  REQUIRE(entries(snb, 2, TlbServes::kData, PageSize::k2M) == 0);
  const TlbProfile& park = *find_tlb_profile("park-2022");  // [figures: page_walk_measured]
  REQUIRE(entries(park, 1, TlbServes::kData, PageSize::k4K) == 64);
  REQUIRE(entries(park, 1, TlbServes::kData, PageSize::k2M) == 32);
  REQUIRE(entries(park, 2, TlbServes::kFetch, PageSize::k4K) == 1536);
  REQUIRE(park.walk_cache == std::array<unsigned, 5>{0, 24, 4, 4, 0});
  REQUIRE(park.nested_tlb == 16);
  REQUIRE(find_tlb_profile("none")->arrays.empty());
}

TEST_CASE("TLB profiles: impossible ones are refused", "[mmu][tlb]") {
  const std::array<bool, kPageSizes> small = {true, false, false};
  REQUIRE(one({"ok", 1, TlbServes::kData, small, 12, 3}).check());
  REQUIRE_FALSE(one({"no ways", 1, TlbServes::kData, small, 12, 0}).check());
  REQUIRE_FALSE(one({"no entries", 1, TlbServes::kData, small, 0, 4}).check());
  REQUIRE_FALSE(one({"three sets", 1, TlbServes::kData, small, 12, 4}).check());
  REQUIRE_FALSE(one({"no multiple", 1, TlbServes::kData, small, 13, 4}).check());
  REQUIRE_FALSE(one({"level 3", 3, TlbServes::kData, small, 16, 4}).check());
  REQUIRE_FALSE(one({"no size", 1, TlbServes::kData, {}, 16, 4}).check());
  REQUIRE_FALSE(one({"huge", 1, TlbServes::kData, small, 1u << 30, 4}).check());
  TlbProfile twice = one({"first", 1, TlbServes::kData, small, 16, 4});
  twice.arrays.push_back({"second", 1, TlbServes::kBoth, small, 16, 4});
  REQUIRE_FALSE(twice.check());
  twice.arrays[1].level = 2;
  REQUIRE(twice.check());
  twice.walk_cache[1] = 1u << 30;
  REQUIRE_FALSE(twice.check());
}

TEST_CASE("TLB array: fills free ways first, then the oldest of the set; hits change nothing", "[mmu][tlb]") {
  TlbArray array({"A", 1, TlbServes::kData, {true, true, false}, 8, 4});  // two sets
  std::vector<uint64_t> gone;
  const auto drop = [&](unsigned i) { gone.push_back(array.entry(i).first); };
  const auto page = [](uint64_t n) { return TlbEntry{.frame = n << 12, .first = n << 12, .tag = 1}; };
  for (const uint64_t n : {0, 2, 4, 6, 1}) array.insert(page(n), drop);
  REQUIRE(gone.empty());
  REQUIRE(array.live(12) == 5);
  REQUIRE(array.find(0x123, 12, 1) != TlbArray::kNone);
  REQUIRE(array.find(0x123, 12, 2) == TlbArray::kNone);
  REQUIRE(array.find(0x123, 21, 1) == TlbArray::kNone);
  array.insert(page(8), drop);
  REQUIRE(gone == std::vector<uint64_t>{0});
  array.remove(array.find(0x4000, 12, 1));
  array.insert(page(10), drop);
  REQUIRE(gone.size() == 1);
  array.insert(page(12), drop);
  REQUIRE(gone == std::vector<uint64_t>{0, 0x2000});
  array.remove_if([](const TlbEntry& e) { return e.first == 0x1000; }, drop);
  REQUIRE(gone.back() == 0x1000);
  REQUIRE(array.live(12) == 4);
}
