// One set-associative array of translations. A hit changes nothing; a fill takes a free way or the oldest of the set.
// Called by the TLB set (tlb.h), which knows the levels, and through it by the MMU.
#pragma once

#include <cstdint>
#include <vector>

#include "hwmodel/mmu/rights.h"
#include "hwmodel/mmu/tlb_profile.h"

namespace ringside::hw {

// Whose translation it is: VPID in 27:12, PCID in 11:0. Global entries match any PCID of their VPID.
using TlbTag = uint32_t;
constexpr TlbTag kPcidMask = 0xfff, kVpidMask = 0x0ffff000;
constexpr TlbTag tlb_tag(uint16_t vpid, uint16_t pcid) { return static_cast<TlbTag>(vpid) << 12 | pcid; }

struct TlbEntry {
  uint64_t frame = 0;        // machine-physical address of the piece
  uint64_t first = 0;        // first linear address of the piece
  uint64_t handed_out = 0;   // first level, fetches: the fetch generation in which it last answered
  uint64_t slot_groups = 0;  // first level, data, large pieces: where its direct pointers may be (fast_tables.h)
  TlbTag tag = 0;
  Rights rights = 0;
  bool global = false;
  bool dirty = false;       // a write needs no walk to set the dirty flag
  uint8_t shift = 12;       // of the piece cached: 12, 21 or 30
  uint8_t page_shift = 12;  // of the guest's page it belongs to; larger than `shift` where only a piece is cached

  bool visible(TlbTag who) const { return ((tag ^ who) & (global ? kVpidMask : kVpidMask | kPcidMask)) == 0; }
  bool same_page(uint64_t linear) const { return (first ^ linear) >> page_shift == 0; }
  uint64_t physical(uint64_t linear) const { return frame | (linear & ((uint64_t{1} << shift) - 1)); }
};

class TlbArray {
 public:
  explicit TlbArray(const TlbArrayShape& shape);

  const TlbArrayShape& shape() const { return shape_; }
  // Entries of that page size now in the array: lets a lookup skip sizes nobody uses.
  unsigned live(unsigned shift) const { return live_[size_index(shift)]; }

  // Index of the entry that translates `linear` in pieces of `shift` for `who`, or kNone.
  static constexpr unsigned kNone = ~0u;
  unsigned find(uint64_t linear, unsigned shift, TlbTag who) const {
    const uint64_t wanted = key(linear, shift);
    const unsigned base = set_base(linear, shift);
    for (unsigned way = 0; way < shape_.ways; ++way) {
      if (keys_[base + way] == wanted && entries_[base + way].visible(who)) return base + way;
    }
    return kNone;
  }
  TlbEntry& entry(unsigned index) { return entries_[index]; }
  const TlbEntry& entry(unsigned index) const { return entries_[index]; }

  // Puts `entry` in; `drop(index)` hears of the victim before it goes. The caller has made sure that no entry matches
  // it.
  template <class Drop>
  unsigned insert(const TlbEntry& entry, Drop&& drop) {
    const unsigned index = victim(set_base(entry.first, entry.shift));
    if (keys_[index] != kFree) {
      drop(index);
      remove(index);
    }
    keys_[index] = key(entry.first, entry.shift);
    entries_[index] = entry;
    stamps_[index] = ++clock_;
    ++live_[size_index(entry.shift)];
    occupied_[index / 64] |= uint64_t{1} << (index % 64);
    return index;
  }
  void remove(unsigned index) {
    keys_[index] = kFree;
    --live_[size_index(entries_[index].shift)];
    occupied_[index / 64] &= ~(uint64_t{1} << (index % 64));
  }
  // Removes what `condition(entry)` holds for; `drop(index)` hears of each before it goes.
  template <class Condition, class Drop>
  void remove_if(Condition&& condition, Drop&& drop) {
    for (size_t word = 0; word < occupied_.size(); ++word) {
      for (uint64_t left = occupied_[word]; left; left &= left - 1) {
        const unsigned index = static_cast<unsigned>(word * 64) + static_cast<unsigned>(__builtin_ctzll(left));
        if (!condition(entries_[index])) continue;
        drop(index);
        remove(index);
      }
    }
  }
  unsigned size() const { return static_cast<unsigned>(keys_.size()); }
  bool occupied(unsigned index) const { return keys_[index] != kFree; }

 private:
  static constexpr uint64_t kFree = 0;  // no key is 0: the shift is part of it
  static constexpr unsigned size_index(unsigned shift) { return (shift - 12) / 9; }
  static constexpr uint64_t key(uint64_t linear, unsigned shift) { return (linear >> shift) << 6 | shift; }
  unsigned set_base(uint64_t linear, unsigned shift) const {
    return (static_cast<unsigned>(linear >> shift) & set_mask_) * shape_.ways;
  }
  unsigned victim(unsigned base) const;

  TlbArrayShape shape_;
  unsigned set_mask_ = 0;
  uint64_t clock_ = 0;
  std::array<unsigned, kPageSizes> live_{};
  std::vector<uint64_t> keys_, stamps_,
      occupied_;  // occupied_: one bit per entry, so that flushes touch only what is there
  std::vector<TlbEntry> entries_;
};

}  // namespace ringside::hw
