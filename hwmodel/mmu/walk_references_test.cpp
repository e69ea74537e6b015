// The published exact counts of memory references per TLB miss, row by row, with caches off: every row that a walker of
// processors can express [figures: page_walk_refs_exact.csv, invariants E1 to E9].
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "hwmodel/mmu/entry/agile_shadow.h"
#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/two_dimensions.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

struct Row {
  const char* mode;
  unsigned guest_or_shadow_levels, host_or_nested_levels;
  const char *guest_leaf, *host_leaf;
  unsigned max_refs;
  const char* note;
};

// Columns as in the file. Left out: three_level_2x_nested_hw (124), a hypothetical machine with three dimensions.
const Row kRows[] = {
    {"native_1d", 2, 0, "", "", 2, ""},
    {"native_1d", 3, 0, "", "", 3, ""},
    {"native_1d", 4, 0, "", "", 4, ""},
    {"native_1d", 5, 0, "", "", 5, ""},
    {"nested_2d", 4, 4, "4K", "4K", 24, ""},
    {"nested_2d", 4, 3, "4K", "2M", 19, ""},
    {"nested_2d", 4, 2, "4K", "1G", 14, ""},
    {"nested_2d", 3, 4, "2M", "4K", 19, ""},
    {"nested_2d", 3, 3, "2M", "2M", 15, ""},
    {"nested_2d", 3, 2, "2M", "1G", 11, ""},
    {"nested_2d", 2, 4, "1G", "4K", 14, ""},
    {"nested_2d", 2, 3, "1G", "2M", 11, ""},
    {"nested_2d", 2, 2, "1G", "1G", 8, ""},
    {"nested_2d", 5, 5, "4K", "4K", 35, ""},
    {"nested_2d", 5, 4, "4K", "4K", 29, ""},
    {"nested_2d", 4, 5, "4K", "4K", 29, ""},
    {"nested_2d", 2, 4, "4K", "4K", 14, "32-bit non-PAE guest"},
    {"nested_2d", 2, 2, "flat", "flat", 8, ""},
    {"nested_2d", 4, 2, "4K", "flat", 14, ""},
    {"nested_2d", 2, 4, "flat", "4K", 14, ""},
    {"nested_2d", 4, 1, "4K", "flat array", 9, ""},
    {"shadow_1d", 4, 0, "", "", 4, ""},
    {"shadow_1d", 5, 0, "", "", 5, ""},
    {"agile", 4, 0, "4K", "4K", 4, ""},
    {"agile", 3, 1, "4K", "4K", 8, ""},
    {"agile", 2, 2, "4K", "4K", 12, ""},
    {"agile", 1, 3, "4K", "4K", 16, ""},
    {"agile", 0, 4, "4K", "4K", 20, "the root register switches"},
    {"agile", 0, 4, "4K", "4K", 24, "fully nested"},
};

constexpr uint64_t kLinear = 0x40201000, kFrame = 0x201000;  // of the page; large ones start at 0x200000 or 0

unsigned leaf_level(const std::string& size) { return size == "2M" ? 2 : size == "1G" ? 3 : 1; }

PagingMode mode_of_levels(unsigned levels) {
  const PagingMode modes[] = {PagingMode::kLegacy32, PagingMode::kPae, PagingMode::kFourLevel, PagingMode::kFiveLevel};
  return modes[levels - 2];
}

TreeShape guest_shape(const Row& row) {
  const std::string leaf = row.guest_leaf;
  if (std::string(row.mode) == "agile") return shape_of(PagingMode::kFourLevel);
  if (leaf == "flat") return flattened_shape();
  if (std::string(row.note).starts_with("32-bit")) return shape_of(PagingMode::kLegacy32);
  return shape_of(mode_of_levels(row.guest_or_shadow_levels + leaf_level(leaf) - 1));
}
TreeShape host_shape(const Row& row) {
  const std::string leaf = row.host_leaf;
  if (std::string(row.mode) == "agile") return ept_shape(4);
  if (leaf == "flat") return flattened_ept_shape();
  if (leaf == "flat array") return array_ept_shape(kGuestBytes);
  return ept_shape(row.host_or_nested_levels + leaf_level(leaf) - 1);
}

// A walk in the machine's own memory: bare metal, or the monitor's shadow tables.
WalkResult one_dimension(unsigned levels, TableKind kind) {
  PhysicalMemory memory = make_memory(4 << 20);
  uint64_t next = 0x10000;
  const PagingMode mode = mode_of_levels(levels);
  TableBuilder tables(memory, mode, next);
  tables.map(kLinear, 1, kFrame, kUserPage);
  WalkRequest request{};
  request.linear = kLinear;
  request.controls.mode = mode;
  request.cr3 = tables.root();
  request.regime.table = kind;
  WalkResult result;
  walk(memory, request, result);
  REQUIRE(result.physical == HostPhysical(kFrame));
  for (unsigned i = 0; i < result.references(); ++i) REQUIRE(result.steps[i].table == kind);
  return result;
}

void prepare_two_dimensions(TwoDimensions& t, const Row& row) {
  const unsigned level = leaf_level(row.guest_leaf);
  const uint64_t page = uint64_t{1} << t.guest.shift(level);
  t.guest.map(kLinear, level, kFrame & ~(page - 1), kUserPage);
}

// The shadow of the top levels, with a switching entry to the guest's own table of the level below.
uint64_t shadow_of(TwoDimensions& t, unsigned shadow_levels) {
  TableBuilder shadow(t.memory, PagingMode::kFourLevel, t.next_machine_table);
  if (shadow_levels == 4) {
    shadow.map(kLinear, 1, kGuestBase + kFrame, kUserPage);
  } else {
    const unsigned last = 5 - shadow_levels;  // level of the last shadow entry
    const uint64_t guest_table = t.guest.entry_address(kLinear, last - 1, 0) & ~uint64_t{0xfff};
    shadow.store(shadow.entry_address(kLinear, last, kUserPage),
                 (kGuestBase + guest_table) | kUserPage | AgileShadowFormat::kSwitch);
  }
  return shadow.root();
}

WalkResult two_dimensions(const Row& row) {
  TwoDimensions t(guest_shape(row), host_shape(row), leaf_level(row.host_leaf));
  prepare_two_dimensions(t, row);
  const bool fully_nested = std::string(row.note) == "fully nested";
  if (std::string(row.mode) == "agile" && !fully_nested) {
    t.regime.start = row.guest_or_shadow_levels ? WalkStart::kShadowRoot : WalkStart::kSwitchedRoot;
    t.regime.shadow_root =
        row.guest_or_shadow_levels ? shadow_of(t, row.guest_or_shadow_levels) : kGuestBase + t.guest.root();
  }
  t.walk(kLinear, AccessKind::kWrite);
  const uint64_t page = uint64_t{1} << t.guest.shift(leaf_level(row.guest_leaf));
  REQUIRE(t.result.physical == HostPhysical(kGuestBase + (kFrame & ~(page - 1)) + (kLinear & (page - 1))));
  return t.result;
}

unsigned count(const WalkResult& w, TableKind kind) {
  unsigned n = 0;
  for (unsigned i = 0; i < w.references(); ++i) n += w.steps[i].table == kind;
  return n;
}

}  // namespace

TEST_CASE("walk references: every expressible exact row, caches off", "[mmu][references]") {
  for (const Row& row : kRows) {
    INFO(row.mode << " " << row.guest_or_shadow_levels << " x " << row.host_or_nested_levels << " " << row.guest_leaf
                  << "/" << row.host_leaf << " " << row.note);
    const std::string mode = row.mode;
    const WalkResult w = mode == "native_1d"   ? one_dimension(row.guest_or_shadow_levels, TableKind::kGuest)
                         : mode == "shadow_1d" ? one_dimension(row.guest_or_shadow_levels, TableKind::kShadow)
                                               : two_dimensions(row);
    REQUIRE(w.outcome == WalkOutcome::kTranslated);
    REQUIRE(w.references() == row.max_refs);
    if (mode == "nested_2d") {
      const unsigned g = row.guest_or_shadow_levels, h = row.host_or_nested_levels;
      REQUIRE(w.references() == (g + 1) * (h + 1) - 1);
      REQUIRE(count(w, TableKind::kGuest) == g);
      REQUIRE(count(w, TableKind::kNested) == h * (g + 1));
    }
    if (mode == "agile" && row.max_refs != 24) {
      REQUIRE(count(w, TableKind::kShadow) == row.guest_or_shadow_levels);
      REQUIRE(count(w, TableKind::kGuest) == row.host_or_nested_levels);
      REQUIRE(count(w, TableKind::kNested) == 4 * row.host_or_nested_levels);
    }
  }
}

TEST_CASE("walk references: 24 are 4 of the guest and five nested walks of 4, in order", "[mmu][references]") {
  const WalkResult w = two_dimensions({"nested_2d", 4, 4, "4K", "4K", 24, ""});
  unsigned at = 0;
  for (const unsigned serves : {4u, 3u, 2u, 1u, 0u}) {
    for (unsigned level = 4; level >= 1; --level) {
      REQUIRE(w.steps[at].table == TableKind::kNested);
      REQUIRE(w.steps[at].serves == serves);
      REQUIRE(w.steps[at].level == level);
      ++at;
    }
    if (serves == 0) break;
    REQUIRE(w.steps[at].table == TableKind::kGuest);
    REQUIRE(w.steps[at].level == serves);
    ++at;
  }
  REQUIRE(at == 24);
}

TEST_CASE("walk references: a nested walk of an unpaged guest is the nested dimension alone", "[mmu][references]") {
  TwoDimensions t(shape_of(PagingMode::kFourLevel), ept_shape(4), 1);
  t.controls = {};
  t.controls.mode = PagingMode::kOff;
  REQUIRE(t.walk(0x5008).physical == HostPhysical(kGuestBase + 0x5008));
  REQUIRE(t.result.references() == 4);
}

TEST_CASE("walk references: the piece mapped is the smaller of the two pages", "[mmu][references]") {
  for (const Row& row : kRows) {
    if (std::string(row.mode) != "nested_2d" || std::string(row.note).starts_with("32-bit")) continue;
    const WalkResult w = two_dimensions(row);
    const unsigned guest = 12 + 9 * (leaf_level(row.guest_leaf) - 1), host = 12 + 9 * (leaf_level(row.host_leaf) - 1);
    REQUIRE(w.page_shift == guest);
    REQUIRE(w.mapped_shift == std::min(guest, host));
  }
}

// E9: whatever the walk costs, a TLB hit costs no reference.
TEST_CASE("walk references: a TLB hit makes none, in every mode", "[mmu][references]") {
  TwoDimensions t(shape_of(PagingMode::kFourLevel), ept_shape(4), 1);
  t.guest.map(kLinear, 1, kFrame, kUserPage);
  const uint64_t shadow = shadow_of(t, 2);
  TranslationRegime agile = t.regime;
  agile.start = WalkStart::kShadowRoot;
  agile.shadow_root = shadow;
  TranslationRegime shadow_paging;
  shadow_paging.table = TableKind::kShadow;
  TableBuilder whole_shadow(t.memory, PagingMode::kFourLevel, t.next_machine_table);
  whole_shadow.map(kLinear, 1, kGuestBase + kFrame, kUserPage);
  struct Mode {
    TranslationRegime regime;
    uint64_t cr3;
    unsigned references;
  };
  for (const Mode& mode : {Mode{{}, whole_shadow.root(), 4}, Mode{shadow_paging, whole_shadow.root(), 4},
                           Mode{t.regime, t.guest.root(), 24}, Mode{agile, t.guest.root(), 12}}) {
    CpuState cpu;
    Mmu mmu(cpu, t.memory);
    TlbProfile profile = default_tlb_profile();
    profile.walk_cache = {};
    profile.nested_tlb = 0;
    mmu.set_tlb_profile(profile);
    mmu.set_regime(mode.regime);
    enter(cpu, PagingMode::kFourLevel);
    cpu.cr3 = mode.cr3;
    mmu.update_mode();
    REQUIRE(mmu.translate(kLinear, AccessKind::kWrite, false).physical == GuestPhysical(kGuestBase + kFrame));
    REQUIRE(mmu.counters.walk_references == mode.references);
    REQUIRE(mmu.fast_entry(kLinear).write_tag == kLinear);
    for (unsigned i = 0; i < 100; ++i) REQUIRE(mmu.translate(kLinear + i, AccessKind::kWrite, false).ok);
    REQUIRE(mmu.counters.walk_references == mode.references);
    REQUIRE(mmu.counters.l1_data_misses == 1);
  }
}
