#include "hwmodel/exec/code_cache.h"

#include <algorithm>

#include "hwmodel/mmu/mmu.h"

namespace ringside::hw {

bool CodePage::overlaps(unsigned offset, unsigned size) const {
  for (unsigned i = offset; i < offset + size && i < kPageSize; ++i) {
    if (code_bytes[i / 64] >> (i % 64) & 1) return true;
  }
  return false;
}

CodeCache::CodeCache(PhysicalMemory& memory) : memory_(memory), pages_(memory.page_count()) {}

CodePage& CodeCache::page(const uint8_t* host_page) {
  auto& slot = pages_[memory_.page_index(host_page)];
  if (!slot) slot = std::make_unique<CodePage>();
  uint8_t& flags = memory_.page_flags(host_page);
  if (!(flags & PhysicalMemory::kHasCode)) {
    for (Mmu* mmu : mmus_) mmu->forbid_fast_writes(host_page);
    flags |= PhysicalMemory::kHasCode;
  }
  return *slot;
}

Block* CodeCache::add(CodePage& page, std::unique_ptr<Block> block) {
  Block* added = block.get();
  for (unsigned i = 0; i < added->looked_at; ++i) {
    const unsigned at = added->page_offset + i;
    page.code_bytes[at / 64] |= 1ull << (at % 64);
  }
  if (page.first[added->page_offset]) added->same_start = page.blocks[page.first[added->page_offset] - 1].get();
  page.blocks.push_back(std::move(block));
  page.first[added->page_offset] = static_cast<uint16_t>(page.blocks.size());
  ++counters.decoded_blocks;
  counters.decoded_instructions += added->count;
  return added;
}

bool CodeCache::would_change_code(const uint8_t* host, unsigned size) const {
  const auto& page = pages_[memory_.page_index(host)];
  return page && page->overlaps(static_cast<unsigned>(reinterpret_cast<uintptr_t>(host) & (kPageSize - 1)), size);
}

void CodeCache::written(const uint8_t* host, unsigned size) {
  if (would_change_code(host, size)) drop(*pages_[memory_.page_index(host)]);
}

// The page keeps its kHasCode flag until a store finds no code left there (written() then costs one look): pages that mix
// code and data would otherwise flip back and forth.
void CodeCache::drop(CodePage& page) {
  page.first.fill(0);
  page.code_bytes.fill(0);
  for (auto& block : page.blocks) dropped_.push_back(std::move(block));
  page.blocks.clear();
  ++generation_;
  ++counters.invalidations;
}

void CodeCache::clear() {
  for (auto& page : pages_) {
    if (page) drop(*page);
  }
}

}  // namespace ringside::hw
