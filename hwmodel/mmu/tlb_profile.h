// Sizes of the translation caches of a processor, as data: which arrays exist, what each serves and how it is
// organised. Built in here are the machines the published figures come from; others may be read from a cost profile.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "traces/base/result.h"

namespace ringside::hw {

enum class PageSize : uint8_t { k4K, k2M, k1G };
constexpr unsigned kPageSizes = 3;
constexpr unsigned shift_of(PageSize size) { return 12 + 9 * static_cast<unsigned>(size); }

// What an array answers for: instruction fetches, data accesses or both.
enum class TlbServes : uint8_t { kFetch, kData, kBoth };

// One set-associative array. Replacement is first in, first out within a set, so that a hit needs no bookkeeping.
struct TlbArrayShape {
  std::string name;
  unsigned level = 1;  // 1 or 2
  TlbServes serves = TlbServes::kData;
  std::array<bool, kPageSizes> holds{};  // page sizes it can hold, by PageSize
  unsigned entries = 0, ways = 0;        // entries / ways is a power of two
};

struct TlbProfile {
  std::string name;
  std::string source;  // where the numbers come from
  std::vector<TlbArrayShape> arrays;
  // Walk caches: entries that remember inner tables, by the level of the table they lead to: index 1 the PDE cache, 2
  // the PDPTE cache, 3 the PML4E cache, 4 the PML5E cache; 0 means none. Fully associative, first in, first out.
  std::array<unsigned, 5> walk_cache{};
  unsigned nested_tlb = 0;  // guest-physical to machine-physical, 0: none

  // The arrays fit together: shapes valid, and no two of one level serve the same kind and page size.
  Result<void> check() const;
};

// "skylake" (default), "sandy-bridge", "park-2022", "zen", "none" (every access walks), and "software": of an interpreter.
inline constexpr std::string_view kSoftwareTlbProfile = "software";
std::span<const TlbProfile> tlb_profiles();
const TlbProfile& default_tlb_profile();
const TlbProfile* find_tlb_profile(std::string_view name);  // null: no such profile

}  // namespace ringside::hw
