// Experiment page-walk-refs.
// Question: how many references to page tables does one TLB miss cost, in each kind of translation?
// Expected: without walk caches exactly (g + 1)(h + 1) - 1 for g guest and h nested levels (24 for 4 x 4), g alone
//   natively and in shadow tables, s + 5n in agile paging (s levels in the shadow, n nested); with them never more.
// Source: arithmetic on the definition of the walk; 24, 14 and 8 also read in Park et al., ASPLOS 2022.
// Every row's tables are built in modelled memory and walked by the modelled MMU; nothing here computes a count.
#include <string>

#include "hwmodel/mmu/tlb_profile.h"
#include "sim/experiments/experiment.h"
#include "sim/experiments/walk_world.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

using hw::PagingMode;

struct Row {
  const char* mode;
  unsigned guest_or_shadow_levels, host_or_nested_levels;
  const char *guest_leaf, *host_leaf;
  uint64_t published;
  const char* note;
};

const char kLegacy[] = "32-bit paging", kSwitchedRoot[] = "the root register switches",
           kFullyNested[] = "fully nested: CR3 is translated too";

// The exact rows of the published table, in its order. The one that is left out is explained in notes().
const Row kRows[] = {
    {"native_1d", 2, 0, "", "", 2, kLegacy},
    {"native_1d", 3, 0, "", "", 3, "PAE"},
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
    {"nested_2d", 2, 4, "4K", "4K", 14, kLegacy},
    {"nested_2d", 2, 2, "flat", "flat", 8, "both flattened"},
    {"nested_2d", 4, 2, "4K", "flat", 14, "nested tables flattened"},
    {"nested_2d", 2, 4, "flat", "4K", 14, "guest tables flattened"},
    {"nested_2d", 4, 1, "4K", "flat array", 9, "nested table of one level"},
    {"shadow_1d", 4, 0, "", "", 4, ""},
    {"shadow_1d", 5, 0, "", "", 5, ""},
    {"agile", 4, 0, "4K", "4K", 4, ""},
    {"agile", 3, 1, "4K", "4K", 8, ""},
    {"agile", 2, 2, "4K", "4K", 12, ""},
    {"agile", 1, 3, "4K", "4K", 16, ""},
    {"agile", 0, 4, "4K", "4K", 20, kSwitchedRoot},
    {"agile", 0, 4, "4K", "4K", 24, kFullyNested},
};

unsigned leaf_level(const std::string& leaf) { return leaf == "2M" ? 2 : leaf == "1G" ? 3 : 1; }

TreeShape tables_of(const Row& row) {
  const std::string leaf = row.guest_leaf;
  if (std::string(row.mode) == "agile") return guest_tree(PagingMode::kFourLevel);
  if (leaf == "flat") return flattened_guest_tree();
  if (row.note == kLegacy) return guest_tree(PagingMode::kLegacy32);
  const unsigned levels = row.guest_or_shadow_levels + leaf_level(leaf) - 1;
  return guest_tree(levels == 3 ? PagingMode::kPae : levels == 5 ? PagingMode::kFiveLevel : PagingMode::kFourLevel);
}

TreeShape nested_of(const Row& row) {
  const std::string leaf = row.host_leaf;
  if (std::string(row.mode) == "agile") return nested_tree(4);
  if (leaf == "flat") return flattened_nested_tree();
  if (leaf == "flat array") return array_nested_tree(WalkWorld::kGuestBytes);
  return nested_tree(row.host_or_nested_levels + leaf_level(leaf) - 1);
}

WalkSetup setup_of(const Row& row) {
  const std::string mode = row.mode;
  WalkSetup setup;
  setup.mode = mode == "native_1d"   ? WalkMode::kNative
               : mode == "shadow_1d" ? WalkMode::kShadow
               : mode == "nested_2d" ? WalkMode::kNested
                                     : WalkMode::kAgile;
  setup.tables = tables_of(row);
  setup.guest_leaf = leaf_level(row.guest_leaf);
  if (mode == "nested_2d" || mode == "agile") {
    setup.nested = nested_of(row);
    setup.host_leaf = leaf_level(row.host_leaf);
  }
  if (mode == "agile") setup.shadow_levels = row.guest_or_shadow_levels;
  if (row.note == kSwitchedRoot) setup.agile_root = AgileRoot::kSwitched;
  return setup;
}

struct Counts {
  uint64_t cold = 0, warm = 0;
  bool right = false;  // both walks led to the page that was mapped
};

// The same address walked without caches, and again once they know its tables.
Result<Counts> count(const Row& row, const hw::TlbProfile& caches) {
  constexpr uint64_t kLinear = 0x40201000, kFrame = 0x201000;
  const auto world = BOOST_OUTCOME_TRYX(WalkWorld::create(setup_of(row)));
  world->map(kLinear, kFrame);
  Counts counts;
  const auto references = [&] {
    const hw::WalkResult& walk = world->walk(kLinear);
    counts.right = walk.outcome == hw::WalkOutcome::kTranslated &&
                   walk.physical == HostPhysical(world->machine_address(kLinear, kFrame));
    return walk.references();
  };
  counts.cold = references();
  const bool cold_right = counts.right;
  world->use_caches(caches);
  (void)references();
  counts.warm = references();
  counts.right &= cold_right;
  return counts;
}

Result<ExperimentResult> run(const ExperimentOptions& options) {
  const hw::TlbProfile& caches = *hw::find_tlb_profile(options.tlb_profile);
  ExperimentResult result;
  result.columns = {"mode", "guest_or_shadow_levels", "host_or_nested_levels", "guest_leaf", "host_leaf", "refs",
                    "expected", "refs_warm", "note"};
  for (const Row& row : kRows) {
    const Counts counts = BOOST_OUTCOME_TRYX(count(row, caches));
    if (!counts.right || counts.cold != row.published || counts.warm > counts.cold)
      result.verdict = Verdict::kNotAsExpected;
    result.rows.push_back({row.mode, uint64_t{row.guest_or_shadow_levels}, uint64_t{row.host_or_nested_levels},
                           row.guest_leaf, row.host_leaf, counts.cold, row.published, counts.warm, row.note});
  }
  result.notes = {text::tr("sim.experiment.page_walk_refs.three_levels"),
                  text::tr("sim.experiment.page_walk_refs.warm", caches.name)};
  return result;
}

}  // namespace

Experiment page_walk_refs_experiment() {
  return {"page-walk-refs", "sim.experiment.page_walk_refs.question", "sim.experiment.page_walk_refs.expected",
          "sim.experiment.page_walk_refs.source", run};
}

}  // namespace ringside::sim
