#include "vmm/paging/agile_policy.h"

#include <algorithm>

#include "hwmodel/mmu/entry/long64.h"

namespace ringside::vmm {

bool AgilePolicy::written(uint64_t page) {
  if (++writes_[page] < options_.writes) return false;
  writes_.erase(page);
  return true;
}

std::vector<uint64_t> AgilePolicy::quiet(uint64_t now) {
  std::vector<uint64_t> pages;
  const uint64_t interval = now / options_.interval;
  if (interval == interval_) return pages;
  interval_ = interval;
  writes_.clear();
  for (auto& [page, digest] : nested_) {
    const uint64_t current = contents(page);
    if (current == digest) pages.push_back(page);
    digest = current;
  }
  for (const uint64_t page : pages) nested_.erase(page);
  std::sort(pages.begin(), pages.end());  // the same order in every run
  return pages;
}

std::vector<uint64_t> AgilePolicy::all() const {
  std::vector<uint64_t> pages;
  for (const auto& [page, digest] : nested_) pages.push_back(page);
  std::sort(pages.begin(), pages.end());
  return pages;
}

// Without the flags that walks set (FNV-1a by words).
uint64_t AgilePolicy::contents(uint64_t page) const {
  using hw::Long64Format;
  uint64_t digest = 0xcbf29ce484222325;
  for (unsigned i = 0; i < 512; ++i) {
    const uint64_t word = ram_.word(page + i * sizeof(uint64_t)) & ~(Long64Format::kAccessed | Long64Format::kDirty);
    digest = (digest ^ word) * 0x100000001b3;
  }
  return digest;
}

}  // namespace ringside::vmm
