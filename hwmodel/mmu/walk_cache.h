// The caches that shorten walks: inner tables by the address bits that lead to them (paging-structure caches), and
// guest-physical pages of tables (nested TLB). All fully associative, first in first out, sized by a TlbProfile.
// Called by the walker through a pointer; without them (null) every walk makes every reference.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hwmodel/mmu/rights.h"
#include "hwmodel/mmu/tlb_array.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "hwmodel/mmu/walk_outcome.h"

namespace ringside::hw {

// An inner table, where it lies on the machine's bus, and the rights on the way to it.
struct CachedTable {
  uint64_t bus = 0;  // page of the table
  uint8_t level = 0;
  TableKind kind = TableKind::kGuest;
  Rights rights = 0;  // accumulated above it
  Rights below = 0;   // of its page in the dimension below
};

// Inner tables of one dimension, one array for each level of the table they lead to [SDM 3A 4.10.3 "Paging-Structure
// Caches"].
class TableCache {
 public:
  explicit TableCache(const std::array<unsigned, 5>& entries);

  // `prefix`: the address bits above those that index the table, right-aligned.
  const CachedTable* find(unsigned level, uint64_t prefix, TlbTag tag) const;
  void insert(unsigned level, uint64_t prefix, TlbTag tag, const CachedTable& table);
  bool holds(unsigned level) const { return !levels_[level].keys.empty(); }

  void forget(unsigned level, uint64_t prefix, TlbTag tag);
  void forget_all();
  void forget_vpid(TlbTag tag);
  void forget_tag(TlbTag tag);

 private:
  // Prefix and tag in one word: linear addresses have at most 57 bits and the lowest table covers 2 MiB, so 36 + 28
  // bits.
  static constexpr uint64_t key(uint64_t prefix, TlbTag tag) { return prefix << 28 | tag; }
  static constexpr uint64_t kFree =
      ~uint64_t{0};  // one possible key is never cached: the last table of the last VPID's last PCID
  struct Level {
    std::vector<uint64_t> keys;
    std::vector<CachedTable> tables;
    unsigned oldest = 0;
  };
  template <class Condition>
  void forget_if(Condition&& condition);
  std::array<Level, 5> levels_;
};

// Guest-physical pages that hold guest tables, and where they lie on the machine's bus.
class NestedTlb {
 public:
  struct Page {
    uint64_t first = 0, bus = 0;
    uint8_t shift = 0;  // 0: free
    Rights rights = 0;
  };
  explicit NestedTlb(unsigned entries) : pages_(entries) {}
  const Page* find(uint64_t guest_physical) const {
    for (const Page& p : pages_) {
      if (p.shift && (p.first ^ guest_physical) >> p.shift == 0) return &p;
    }
    return nullptr;
  }
  void insert(const Page& page) {
    if (pages_.empty()) return;
    for (Page& p : pages_) {
      if (p.shift == page.shift && p.first == page.first) {
        p = page;
        return;
      }
    }
    pages_[oldest_] = page;
    oldest_ = (oldest_ + 1) % pages_.size();
  }
  void forget_all() { pages_.assign(pages_.size(), Page{}); }

 private:
  std::vector<Page> pages_;
  size_t oldest_ = 0;
};

struct WalkCacheCounters {
  uint64_t table_hits = 0, nested_table_hits = 0, nested_tlb_hits = 0;
  uint64_t hits() const { return table_hits + nested_table_hits + nested_tlb_hits; }
};

// The walk caches of one CPU. Linear mappings are tagged by PCID and VPID and lead straight to the machine's bus in
// nested mode too
// ("combined mappings" [SDM 3C 28.4.1]); guest-physical ones belong to one EPT pointer, and whoever changes it forgets
// them.
struct WalkCaches {
  explicit WalkCaches(const TlbProfile& profile)
      : linear(profile.walk_cache), guest_physical(profile.walk_cache), nested_tlb(profile.nested_tlb) {}
  TableCache linear;
  TableCache guest_physical;
  NestedTlb nested_tlb;
  WalkCacheCounters counters;

  void forget_guest_physical() {
    guest_physical.forget_all();
    nested_tlb.forget_all();
  }
};

}  // namespace ringside::hw
