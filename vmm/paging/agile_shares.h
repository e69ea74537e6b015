// Which part of a walk was nested: the shares of modes the agile-paging paper reports per TLB miss, counted from the
// records of walks. An observer of level `walks` feeds it.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/mmu/walk_result.h"

namespace ringside::vmm {

// How many guest levels the walk read in nested mode: 0 is shadow all the way (4 references), n > 0 switched n levels
// above the page (4 + 4n references, 20 for the switched root), and a nested top table of its own makes 24.
// Counted without walk caches: a cached table hides the steps above it.
class AgileShares {
 public:
  static constexpr unsigned kModes = 6;  // index: guest levels 0..4; 5: nested from CR3 on

  void add(const hw::WalkResult& walk) {
    if (walk.outcome != hw::WalkOutcome::kTranslated) return;
    unsigned guest = 0, shadow = 0;
    for (unsigned i = 0; i < walk.references(); ++i) {
      guest += walk.steps[i].table == hw::TableKind::kGuest;
      shadow += walk.steps[i].table == hw::TableKind::kShadow;
    }
    const bool from_cr3 = !shadow && walk.references() && walk.steps[0].table == hw::TableKind::kNested;
    const unsigned mode = from_cr3 ? kModes - 1 : guest < kModes - 1 ? guest : kModes - 2;
    ++walks_[mode];
    references_ += walk.references();
    ++total_;
  }
  uint64_t walks(unsigned mode) const { return walks_[mode]; }
  uint64_t total() const { return total_; }
  double share(unsigned mode) const { return total_ ? static_cast<double>(walks_[mode]) / static_cast<double>(total_) : 0; }
  double average_references() const {
    return total_ ? static_cast<double>(references_) / static_cast<double>(total_) : 0;
  }

 private:
  std::array<uint64_t, kModes> walks_{};
  uint64_t references_ = 0, total_ = 0;
};

}  // namespace ringside::vmm
