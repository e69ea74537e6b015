#include "hwmodel/mmu/walk_cache.h"

#include <algorithm>

namespace ringside::hw {

TableCache::TableCache(const std::array<unsigned, 5>& entries) {
  for (unsigned level = 1; level < levels_.size(); ++level) {
    levels_[level].keys.assign(entries[level], kFree);
    levels_[level].tables.resize(entries[level]);
  }
}

const CachedTable* TableCache::find(unsigned level, uint64_t prefix, TlbTag tag) const {
  const Level& l = levels_[level];
  const auto at = std::find(l.keys.begin(), l.keys.end(), key(prefix, tag));
  return at == l.keys.end() ? nullptr : &l.tables[static_cast<size_t>(at - l.keys.begin())];
}

void TableCache::insert(unsigned level, uint64_t prefix, TlbTag tag, const CachedTable& table) {
  Level& l = levels_[level];
  const uint64_t k = key(prefix, tag);
  if (l.keys.empty() || k == kFree) return;
  auto at = std::find(l.keys.begin(), l.keys.end(), k);
  if (at == l.keys.end()) {
    at = l.keys.begin() + l.oldest;
    l.oldest = (l.oldest + 1) % static_cast<unsigned>(l.keys.size());
  }
  *at = k;
  l.tables[static_cast<size_t>(at - l.keys.begin())] = table;
}

template <class Condition>
void TableCache::forget_if(Condition&& condition) {
  for (Level& level : levels_) {
    for (uint64_t& k : level.keys) {
      if (condition(k)) k = kFree;
    }
  }
}

void TableCache::forget(unsigned level, uint64_t prefix, TlbTag tag) {
  for (uint64_t& k : levels_[level].keys) {
    if (k == key(prefix, tag)) k = kFree;
  }
}

void TableCache::forget_all() {
  forget_if([](uint64_t) { return true; });
}

void TableCache::forget_vpid(TlbTag tag) {
  forget_if([tag](uint64_t k) { return ((k ^ tag) & kVpidMask) == 0; });
}

void TableCache::forget_tag(TlbTag tag) {
  forget_if([tag](uint64_t k) { return ((k ^ tag) & (kVpidMask | kPcidMask)) == 0; });
}

}  // namespace ringside::hw
