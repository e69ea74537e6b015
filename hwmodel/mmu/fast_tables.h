// The fast tables of all views, and the one rule that keeps them true: a direct pointer lives exactly as long as the
// first-level TLB entry it came from. Called only by the MMU.
#pragma once

#include <memory>

#include "hwmodel/mmu/fast_table.h"

namespace ringside::hw {

// Which slots the pieces of one large TLB entry may occupy: bit g stands for slots 8g..8g+7. An entry of a 4 KiB page
// can only be in its one slot and needs no note.
using SlotGroups = uint64_t;
constexpr unsigned kSlotsPerGroup = FastTable::kSlots / 64;

class FastTables {
 public:
  FastTables() : views_(std::make_unique<FastTable[]>(kViews)) {}

  FastTable& view(View v) { return views_[static_cast<unsigned>(v)]; }
  const FastTable& view(View v) const { return views_[static_cast<unsigned>(v)]; }

  enum class Writable : uint8_t { kNo, kYes };
  // Makes the page of `linear` reachable at `host_page`; returns the group of its slot.
  SlotGroups fill(View v, uint64_t linear, uint8_t* host_page, Writable writable);
  // Forgets what came from the TLB entry of `1 << shift` bytes at `first`, in every view.
  void drop_piece(uint64_t first, unsigned shift, SlotGroups groups);
  void forbid_writes(const uint8_t* host_page);
  void drop_all();

 private:
  std::unique_ptr<FastTable[]> views_;
};

}  // namespace ringside::hw
