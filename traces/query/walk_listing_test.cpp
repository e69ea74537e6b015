// Walks as lists, side by side and as pictures: every reference in order, and a row for what each cache spared.
#include "traces/query/walk_listing.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "traces/query/walk_graph.h"

using namespace ringside::traces;

namespace {

WalkReference guest(unsigned level, uint64_t address, uint64_t entry) { return {address, entry, WalkTable::kGuest, static_cast<uint8_t>(level), 0, false, false}; }
WalkReference nested(unsigned level, unsigned serves) {
  return {0x8000000000u + level * uint64_t{0x1000}, 0x8000002007, WalkTable::kNested, static_cast<uint8_t>(level), static_cast<uint8_t>(serves), false, false};
}

struct Recorded {
  Walk walk;
  std::vector<WalkReference> steps;
  const Walk& with_steps() {
    walk.steps = steps;
    walk.references = static_cast<uint32_t>(steps.size());
    return walk;
  }
};

Recorded native_walk() {
  Recorded r{{.linear = 0x401000, .kind = AccessKind::kFetch, .role = AccessRole::kUser, .page_shift = 12, .rights = 0x3e, .physical = 0x7000},
             {guest(4, 0x1000, 0x2067), guest(3, 0x2000, 0x3067), guest(2, 0x3010, 0x4067), guest(1, 0x4008, 0x8000000000007065)}};
  r.steps[3].set_accessed = true;
  return r;
}

Recorded nested_walk() {
  Recorded r{native_walk().walk, {}};
  r.walk.mode = WalkMode::kNested;
  for (unsigned level = 4; level >= 1; --level) {
    for (unsigned n = 4; n >= 1; --n) r.steps.push_back(nested(n, level));
    r.steps.push_back(guest(level, 0x1000 * level, 0x1067));
  }
  for (unsigned n = 4; n >= 1; --n) r.steps.push_back(nested(n, 0));
  return r;
}

unsigned cache_rows(const WalkListing& listing) {
  unsigned rows = 0;
  for (const WalkRow& row : listing.rows) rows += row.kind == WalkRow::Kind::kCache;
  return rows;
}

size_t lines_of(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

TEST_CASE("a native walk as a list: four references, what the entries say, the verdict") {
  Recorded r = native_walk();
  const WalkListing listing = list_walk(r.with_steps(), "native");
  REQUIRE(listing.rows.size() == 4);
  CHECK(listing.rows[0].what == "guest 4");
  CHECK(listing.rows[0].meaning == "P W U A D -> 0x2000");
  CHECK(listing.rows[3].meaning == "P U A D NX -> 0x7000 (sets A)");
  CHECK(listing.rows[3].number == 4);
  const std::string text = to_text(listing);
  for (const auto word : {"0x401000", "fetch", "user", "native: 4 references", "translated to 0x7000", "4 KiB", "execute; users too"}) {
    INFO(text << word);
    CHECK(text.find(word) != std::string::npos);
  }
  CHECK(text.find(", write") == std::string::npos);
}

TEST_CASE("a nested walk has both dimensions: twenty-four references in five columns") {
  Recorded r = nested_walk();
  const WalkListing listing = list_walk(r.with_steps(), "nested");
  CHECK(listing.references == 24);
  CHECK(cache_rows(listing) == 0);
  CHECK(listing.rows[0].what == "nested 4");
  CHECK(listing.rows[0].section == 4);
  CHECK(listing.rows[4].what == "guest 4");
  CHECK(listing.rows[23].section == 0);
  CHECK(listing.rows[0].meaning == "R W X -> 0x8000002000");
}

TEST_CASE("what a cache spared is a row without a number") {
  SECTION("upper levels, by a walk cache") {
    Recorded r = native_walk();
    r.steps.erase(r.steps.begin(), r.steps.begin() + 3);
    r.walk.cached_levels = 3;
    const WalkListing listing = list_walk(r.with_steps(), "native");
    REQUIRE(listing.rows.size() == 4);
    CHECK(cache_rows(listing) == 3);
    CHECK(listing.rows[0].section == 4);
    CHECK(listing.rows[2].section == 2);
    CHECK(listing.rows[3].number == 1);
  }
  SECTION("where a table lies, by the nested TLB") {
    Recorded r = nested_walk();
    r.steps.erase(r.steps.begin() + 5, r.steps.begin() + 9);  // the nested walk for guest level 3
    r.walk.nested_tlb_hits = 1;
    const WalkListing listing = list_walk(r.with_steps(), "nested");
    CHECK(cache_rows(listing) == 1);
    CHECK(listing.rows[5].kind == WalkRow::Kind::kCache);
    CHECK(listing.rows[5].section == 3);
  }
  SECTION("the upper part of a nested walk, by a walk cache") {
    Recorded r = nested_walk();
    r.steps.erase(r.steps.begin(), r.steps.begin() + 2);
    const WalkListing listing = list_walk(r.with_steps(), "nested");
    CHECK(cache_rows(listing) == 1);
    CHECK(listing.rows[1].what == "nested 2");
  }
  SECTION("an agile walk that switches needs none: the shadow entry has the machine's address") {
    Recorded r = native_walk();
    r.walk.mode = WalkMode::kAgile;
    for (unsigned i = 0; i < 3; ++i) r.steps[i].table = WalkTable::kShadow;
    r.steps[2].entry |= uint64_t{1} << 52;
    for (unsigned n = 4; n >= 1; --n) r.steps.push_back(nested(n, 0));
    const WalkListing listing = list_walk(r.with_steps(), "agile");
    CHECK(listing.references == 8);
    CHECK(cache_rows(listing) == 0);
    CHECK(listing.rows[2].meaning.find("SWITCH") != std::string::npos);
  }
}

TEST_CASE("how a walk failed") {
  Recorded r = native_walk();
  r.steps[2].entry = 0;
  r.steps.resize(3);
  r.walk.outcome = WalkOutcome::kPageFault;
  r.walk.error = 0x14;
  std::string text = to_text(list_walk(r.with_steps(), "native"));
  CHECK(text.find("not present") != std::string::npos);
  CHECK(text.find("page fault, error code 0x14 (not present, fetch, user)") != std::string::npos);
  r.walk.outcome = WalkOutcome::kNestedViolation;
  r.walk.guest_physical = 0xabc000;
  text = to_text(list_walk(r.with_steps(), "nested"));
  CHECK(text.find("0xabc000") != std::string::npos);
}

TEST_CASE("side by side the entries of a level stand in one line") {
  Recorded a = native_walk(), b = nested_walk();
  const std::vector<WalkListing> both = {list_walk(a.with_steps(), "native"), list_walk(b.with_steps(), "hw / nested")};
  const std::string text = side_by_side(both);
  INFO(text);
  CHECK(lines_of(text) == 1 + 24 + std::max(both[0].summary.size(), both[1].summary.size()));
  for (const std::string level : {"4", "3", "2", "1"}) {
    const size_t at = text.find("guest " + level);
    REQUIRE(at != std::string::npos);
    const std::string line = text.substr(at, text.find('\n', at) - at);
    CHECK(line.find("guest " + level, 1) != std::string::npos);
  }
}

TEST_CASE("the picture names every reference, and quotes what it is given") {
  Recorded a = native_walk(), b = nested_walk();
  const std::vector<WalkListing> both = {list_walk(a.with_steps(), "a \"quoted\" title\\"), list_walk(b.with_steps(), "nested")};
  const std::string dot = to_dot(both);
  CHECK(dot.find("a \\\"quoted\\\" title\\\\") != std::string::npos);
  for (int i = 0; i <= 24; ++i) CHECK(dot.find("w1_" + std::to_string(i) + " [") != std::string::npos);
  CHECK(dot.starts_with("digraph"));
}

TEST_CASE("a walk without references is told too") {
  Walk walk{.linear = 0x1234, .physical = 0x1234};
  const WalkListing listing = list_walk(walk, "native");
  CHECK(listing.rows.empty());
  CHECK(to_text(listing).find("0 references") != std::string::npos);
  CHECK(to_json(listing)["rows"].empty());
  const std::vector<WalkListing> one = {listing};
  CHECK(to_dot(one).find("w0_0 [") != std::string::npos);
}
