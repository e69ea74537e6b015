#include "hwmodel/mmu/fast_tables.h"

#include "traces/base/types.h"

namespace ringside::hw {
namespace {

void drop_if_inside(FastEntry& e, uint64_t first, unsigned shift) {
  if (e.read_tag != FastEntry::kNone && (e.read_tag ^ first) >> shift == 0) e = FastEntry{};
}

}  // namespace

SlotGroups FastTables::fill(View v, uint64_t linear, uint8_t* host_page, Writable writable) {
  FastTable& table = view(v);
  const uint64_t page = linear & ~(kPageSize - 1);
  const unsigned index = FastTable::index(linear);
  table.slot[index] = {page, writable == Writable::kYes ? page : FastEntry::kNone,
                       reinterpret_cast<uint64_t>(host_page) - page};
  table.used[index / 64] |= uint64_t{1} << (index % 64);
  return SlotGroups{1} << (index / kSlotsPerGroup);
}

void FastTables::drop_piece(uint64_t first, unsigned shift, SlotGroups groups) {
  for (unsigned v = 0; v < kViews; ++v) {
    FastTable& table = views_[v];
    if (shift == kPageShift) {
      drop_if_inside(table.at(first), first, shift);
      continue;
    }
    for (SlotGroups left = groups; left; left &= left - 1) {
      const unsigned base = static_cast<unsigned>(__builtin_ctzll(left)) * kSlotsPerGroup;
      for (unsigned i = 0; i < kSlotsPerGroup; ++i) drop_if_inside(table.slot[base + i], first, shift);
    }
  }
}

void FastTables::forbid_writes(const uint8_t* host_page) {
  const uint64_t wanted = reinterpret_cast<uint64_t>(host_page);
  for (unsigned v = 0; v < kViews; ++v) {
    views_[v].for_each_used([wanted](FastEntry& e) {
      if (e.write_tag != FastEntry::kNone && e.write_tag + e.addend == wanted) e.write_tag = FastEntry::kNone;
    });
  }
}

void FastTables::drop_all() {
  for (unsigned v = 0; v < kViews; ++v) views_[v].clear();
}

}  // namespace ringside::hw
