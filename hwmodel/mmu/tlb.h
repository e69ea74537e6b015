// The TLBs of one CPU as a profile lays them out: which array answers for which level, kind of access and page size.
// Structure only; when to look, fill and flush is the MMU's decision.
#pragma once

#include <array>
#include <vector>

#include "hwmodel/mmu/access_mode.h"
#include "hwmodel/mmu/tlb_array.h"
#include "hwmodel/mmu/tlb_profile.h"

namespace ringside::hw {

// The arrays one kind of access sees at one level, by page size; null where none holds that size.
struct TlbSide {
  std::array<TlbArray*, kPageSizes> by_size{};

  struct Hit {
    TlbArray* array = nullptr;
    unsigned index = 0;
    explicit operator bool() const { return array != nullptr; }
    TlbEntry& entry() const { return array->entry(index); }
  };
  Hit find(uint64_t linear, TlbTag who) const {
    for (unsigned size = 0; size < kPageSizes; ++size) {
      TlbArray* array = by_size[size];
      const unsigned shift = 12 + 9 * size;
      if (!array || !array->live(shift)) continue;
      if (const unsigned index = array->find(linear, shift, who); index != TlbArray::kNone) return {array, index};
    }
    return {};
  }
};

class TlbSet {
 public:
  // `profile.check()` holds.
  explicit TlbSet(const TlbProfile& profile);
  TlbSet(const TlbSet&) = delete;

  const TlbProfile& profile() const { return profile_; }
  const TlbSide& first(AccessKind kind) const { return side_[0][kind == AccessKind::kFetch]; }
  const TlbSide& second(AccessKind kind) const { return side_[1][kind == AccessKind::kFetch]; }
  std::vector<TlbArray>& arrays() { return arrays_; }
  const std::vector<TlbArray>& arrays() const { return arrays_; }
  // True for arrays whose entries may have direct pointers in the fast tables.
  static bool feeds_fast_table(const TlbArray& array) {
    return array.shape().level == 1 && array.shape().serves != TlbServes::kFetch;
  }
  static bool feeds_fetch(const TlbArray& array) {
    return array.shape().level == 1 && array.shape().serves != TlbServes::kData;
  }

 private:
  TlbProfile profile_;
  std::vector<TlbArray> arrays_;
  TlbSide side_[2][2];  // [level - 1][is fetch]
};

}  // namespace ringside::hw
