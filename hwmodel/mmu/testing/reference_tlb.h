// A TLB hierarchy written for obviousness, to hold the real one against: lists of translations, oldest first, no fast
// tables, no indices. It walks its own copy of memory. Only tests include it.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/mmu/fault.h"
#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "hwmodel/mmu/walker.h"

namespace ringside::hw::testing {

class ReferenceTlb {
 public:
  struct Known {
    uint64_t page, frame;  // first address and machine-physical address of the piece
    unsigned shift, page_shift;
    uint16_t pcid;
    Rights rights;
    bool global, dirty;
  };
  struct Array {
    TlbArrayShape shape;
    std::vector<std::deque<Known>> sets;  // oldest first
  };

  ReferenceTlb(const CpuState& cpu, PhysicalMemory& memory, const TlbProfile& profile) : cpu_(cpu), memory_(memory) {
    for (const TlbArrayShape& shape : profile.arrays)
      arrays_.push_back({shape, std::vector<std::deque<Known>>(shape.entries / shape.ways)});
  }

  MmuCounters counters;
  uint64_t accesses = 0;

  Translation access(uint64_t linear, AccessKind kind, AccessMode mode) {
    ++accesses;
    const bool fetch = kind == AccessKind::kFetch;
    const Known* known = find(1, fetch, linear);
    bool rewalk = known && !suffices(*known, kind, mode);
    if (known && !rewalk) return {true, GuestPhysical(physical(*known, linear)), 0};
    if (!known) {
      ++(fetch ? counters.l1_fetch_misses : counters.l1_data_misses);
      known = find(2, fetch, linear);
      if (known) {
        ++counters.l2_hits;
        rewalk = !suffices(*known, kind, mode);
        if (!rewalk) {
          const Known copy = *known;
          add_first(copy, linear, fetch);
          return {true, GuestPhysical(physical(copy, linear)), 0};
        }
      }
    }
    if (rewalk) {
      ++counters.rewalks;
      forget([&](const Array& a, const Known& k) { return serves(a, fetch) && matches(k, linear); });
    }
    return walk(linear, kind, mode);
  }

  void flush_all() {
    forget([](const Array&, const Known&) { return true; });
  }
  void flush_pcid(uint16_t pcid) {
    forget([&](const Array&, const Known& k) { return !k.global && k.pcid == pcid; });
  }
  void flush_all_pcids_non_global() {
    forget([&](const Array&, const Known& k) { return !k.global; });
  }
  void flush_page(uint64_t linear) {
    forget(
        [&](const Array&, const Known& k) { return (k.global || k.pcid == current_pcid(cpu_)) && whole(k, linear); });
  }
  void flush_page(uint64_t linear, uint16_t pcid) {
    forget([&](const Array&, const Known& k) { return !k.global && k.pcid == pcid && whole(k, linear); });
  }

 private:
  static uint64_t physical(const Known& k, uint64_t linear) { return k.frame + (linear - k.page); }
  static bool serves(const Array& a, bool fetch) {
    return a.shape.serves == TlbServes::kBoth || (a.shape.serves == TlbServes::kFetch) == fetch;
  }
  static bool whole(const Known& k, uint64_t linear) { return k.page >> k.page_shift == linear >> k.page_shift; }
  bool matches(const Known& k, uint64_t linear) const {
    return k.page >> k.shift == linear >> k.shift && (k.global || k.pcid == current_pcid(cpu_));
  }
  AccessRole role(AccessMode mode) const { return access_role(mode, (cpu_.system_flags & rflags::kAc) != 0); }
  bool suffices(const Known& k, AccessKind kind, AccessMode mode) const {
    return permitted(k.rights, kind, role(mode), paging_controls(cpu_)) && (kind != AccessKind::kWrite || k.dirty);
  }
  // Small pages are looked up first.
  const Known* find(unsigned level, bool fetch, uint64_t linear) {
    for (unsigned shift = 12; shift <= 30; shift += 9) {
      for (Array& a : arrays_) {
        if (a.shape.level != level || !serves(a, fetch)) continue;
        for (const Known& k : set_of(a, linear, shift)) {
          if (k.shift == shift && matches(k, linear)) return &k;
        }
      }
    }
    return nullptr;
  }
  static std::deque<Known>& set_of(Array& a, uint64_t linear, unsigned shift) {
    return a.sets[(linear >> shift) % a.sets.size()];
  }
  static void add(Array& a, const Known& k) {
    auto& set = set_of(a, k.page, k.shift);
    if (set.size() == a.shape.ways) set.pop_front();
    set.push_back(k);
  }
  void add_first(const Known& k, uint64_t linear, bool fetch) {
    for (unsigned shift = k.shift; shift >= 12; shift -= 9) {
      for (Array& a : arrays_) {
        if (a.shape.level != 1 || !serves(a, fetch) || !a.shape.holds[(shift - 12) / 9]) continue;
        Known piece = k;
        piece.shift = shift;
        piece.page = linear >> shift << shift;
        piece.frame = physical(k, piece.page);
        return add(a, piece);
      }
    }
  }
  Translation walk(uint64_t linear, AccessKind kind, AccessMode mode) {
    WalkResult w;
    hw::walk(memory_,
             {.linear = linear,
              .kind = kind,
              .who = role(mode),
              .controls = paging_controls(cpu_),
              .cr3 = cpu_.cr3,
              .flags = FlagUpdate::kWrite,
              .regime = {},
              .caches = nullptr,
              .tag = 0},
             w);
    ++counters.walks;
    counters.walk_references += w.references();
    if (w.outcome != WalkOutcome::kTranslated) {
      ++counters.faults;
      flush_page(linear);
      return {false, GuestPhysical(0), w.error_code};
    }
    const unsigned shift = w.page_shift == 22 ? 21 : w.page_shift;
    const uint64_t page = linear >> shift << shift;
    const Known k{
        page, w.physical.value - (linear - page), shift, w.page_shift, current_pcid(cpu_), w.rights, w.global, w.dirty};
    for (Array& a : arrays_) {
      if (a.shape.level == 2 && serves(a, kind == AccessKind::kFetch) && a.shape.holds[(shift - 12) / 9]) add(a, k);
    }
    add_first(k, linear, kind == AccessKind::kFetch);
    return {true, GuestPhysical(w.physical.value), 0};
  }
  template <class Condition>
  void forget(Condition&& condition) {
    for (Array& a : arrays_) {
      for (auto& set : a.sets) {
        set.erase(std::remove_if(set.begin(), set.end(), [&](const Known& k) { return condition(a, k); }), set.end());
      }
    }
  }
  const CpuState& cpu_;
  PhysicalMemory& memory_;
  std::vector<Array> arrays_;
};

}  // namespace ringside::hw::testing
