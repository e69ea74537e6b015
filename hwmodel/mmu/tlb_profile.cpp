#include "hwmodel/mmu/tlb_profile.h"

#include <bit>

#include "traces/base/text.h"

namespace ringside::hw {
namespace {

constexpr std::array<bool, kPageSizes> kOnly4K = {true, false, false}, kOnly2M = {false, true, false},
                                       kOnly1G = {false, false, true}, k4KAnd2M = {true, true, false},
                                       kAllSizes = {true, true, true};

constexpr unsigned kLargestArray = 1u << 16;  // far beyond any processor; bounds what a profile file can ask for

// [Intel 64 and IA-32 Architectures Optimization Reference Manual, table "TLB Parameters of the Skylake Client
// Microarchitecture"]. Intel does not publish its walk caches; those Park 2022 assumes for a Skylake-like machine are
// taken.
TlbProfile skylake() {
  return {
      .name = "skylake",
      .source =
          "Intel optimization manual, Skylake client TLB table (from memory, unverified); walk caches as in Park 2022",
      .arrays = {{"L1 instruction 4K", 1, TlbServes::kFetch, kOnly4K, 128, 8},
                 {"L1 instruction 2M", 1, TlbServes::kFetch, kOnly2M, 8, 8},
                 {"L1 data 4K", 1, TlbServes::kData, kOnly4K, 64, 4},
                 {"L1 data 2M", 1, TlbServes::kData, kOnly2M, 32, 4},
                 {"L1 data 1G", 1, TlbServes::kData, kOnly1G, 4, 4},
                 {"L2 4K and 2M", 2, TlbServes::kBoth, k4KAnd2M, 1536, 12},
                 {"L2 1G", 2, TlbServes::kBoth, kOnly1G, 16, 4}},
      .walk_cache = {0, 24, 4, 4, 0},
      .nested_tlb = 16};
}

// Xeon E5-2430 [figures: agile_paging_facts]. Its walk caches and nested TLB are not given there: none.
TlbProfile sandy_bridge() {
  return {.name = "sandy-bridge",
          .source = "Gandhi, Hill, Swift, ISCA 2016, section VII: 2x Xeon E5-2430",
          .arrays = {{"L1 instruction 4K", 1, TlbServes::kFetch, kOnly4K, 128, 4},
                     {"L1 instruction 2M", 1, TlbServes::kFetch, kOnly2M, 8, 8},
                     {"L1 data 4K", 1, TlbServes::kData, kOnly4K, 64, 4},
                     {"L1 data 2M", 1, TlbServes::kData, kOnly2M, 32, 4},
                     {"L1 data 1G", 1, TlbServes::kData, kOnly1G, 4, 4},
                     {"L2 4K", 2, TlbServes::kBoth, kOnly4K, 512, 4}},
          .walk_cache = {},
          .nested_tlb = 0};
}

// [figures: page_walk_measured]: "Skylake-like TLB 64/32/1536 entries, PWC 4+4+24, nested TLB 16". Organisation as on
// Skylake.
TlbProfile park_2022() {
  return {.name = "park-2022",
          .source = "Park et al., ASPLOS 2022 (Every Walk a Hit): gem5 machine",
          .arrays = {{"L1 instruction", 1, TlbServes::kFetch, kOnly4K, 64, 4},
                     {"L1 instruction 2M", 1, TlbServes::kFetch, kOnly2M, 32, 4},
                     {"L1 data 4K", 1, TlbServes::kData, kOnly4K, 64, 4},
                     {"L1 data 2M", 1, TlbServes::kData, kOnly2M, 32, 4},
                     {"L2 4K and 2M", 2, TlbServes::kBoth, k4KAnd2M, 1536, 12}},
          .walk_cache = {0, 24, 4, 4, 0},
          .nested_tlb = 16};
}

// [Software Optimization Guide for AMD Family 17h Processors, "L1/L2 Translation Lookaside Buffers"]: first-level
// arrays hold all page sizes; the second level is split. 1 GiB pages enter its second level as 2 MiB pieces there;
// MODEL: not at all here. The 64-entry page-directory cache holds references to page tables and directories; MODEL: all
// 64 to page tables.
TlbProfile zen() {
  return {.name = "zen",
          .source = "AMD family 17h optimization guide (from memory, unverified)",
          .arrays = {{"L1 instruction", 1, TlbServes::kFetch, kAllSizes, 64, 64},
                     {"L1 data", 1, TlbServes::kData, kAllSizes, 64, 64},
                     {"L2 instruction", 2, TlbServes::kFetch, k4KAnd2M, 512, 8},
                     {"L2 data", 2, TlbServes::kData, k4KAnd2M, 1536, 12}},
          .walk_cache = {0, 64, 0, 0, 0},
          .nested_tlb = 0};
}

TlbProfile none() {
  return {.name = "none",
          .source = "every access walks: references per access, exactly",
          .arrays = {},
          .walk_cache = {},
          .nested_tlb = 0};
}

bool overlap(const TlbArrayShape& a, const TlbArrayShape& b) {
  if (a.level != b.level) return false;
  if (a.serves != b.serves && a.serves != TlbServes::kBoth && b.serves != TlbServes::kBoth) return false;
  for (unsigned size = 0; size < kPageSizes; ++size) {
    if (a.holds[size] && b.holds[size]) return true;
  }
  return false;
}

// A table in memory, indexed by the low bits of the page number. MODEL: QEMU has one for fetches and data together.
TlbProfile software() {
  return {.name = std::string(kSoftwareTlbProfile),
          .source = "QEMU's software TLB, direct-mapped with 256 entries (qemu-devel, December 2013)",
          .arrays = {{"software, instruction", 1, TlbServes::kFetch, kOnly4K, 256, 1}, {"software, data", 1, TlbServes::kData, kOnly4K, 256, 1}},
          .walk_cache = {},
          .nested_tlb = 0};
}

Error bad(const TlbProfile& p, const TlbArrayShape& a) {
  return fail(ExitCode::kInput, text::tr("mmu.tlb_shape", a.name, p.name, a.level, a.entries, a.ways, kLargestArray));
}

}  // namespace

Result<void> TlbProfile::check() const {
  for (const TlbArrayShape& a : arrays) {
    const bool shaped =
        a.ways != 0 && a.entries <= kLargestArray && a.entries % a.ways == 0 && std::has_single_bit(a.entries / a.ways);
    if (!shaped || (a.level != 1 && a.level != 2) || a.holds == std::array<bool, kPageSizes>{}) return bad(*this, a);
    for (const TlbArrayShape& b : arrays) {
      if (&a != &b && overlap(a, b)) return fail(ExitCode::kInput, text::tr("mmu.tlb_overlap", a.name, b.name, name));
    }
  }
  for (const unsigned entries : walk_cache) {
    if (entries > kLargestArray)
      return fail(ExitCode::kInput, text::tr("mmu.walk_cache_size", name, entries, kLargestArray));
  }
  if (nested_tlb > kLargestArray)
    return fail(ExitCode::kInput, text::tr("mmu.walk_cache_size", name, nested_tlb, kLargestArray));
  return success();
}

std::span<const TlbProfile> tlb_profiles() {
  static const std::array<TlbProfile, 6> profiles = {skylake(), sandy_bridge(), park_2022(), zen(), none(), software()};
  return profiles;
}

const TlbProfile& default_tlb_profile() { return tlb_profiles().front(); }

const TlbProfile* find_tlb_profile(std::string_view name) {
  for (const TlbProfile& profile : tlb_profiles()) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

}  // namespace ringside::hw
