// The pages of machine RAM behind the monitor's part of the address space (core/ring_layout.h) that a real processor looks at: whoever owns
// the page tables allocates them, maps them into every root at the layout's places, and tells KvmRingCpu where they are.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>

#include "hwmodel/machine/memory.h"
#include "vmm/core/ring_layout.h"

namespace ringside::vmm {

// 64 KiB of pages that are neighbours in the linear address space, wherever they lie in RAM.
using RingPageList = std::array<HostPhysical, 16>;
static_assert(ring_layout::kGdtBytes == 16 * kPageSize && ring_layout::kStubBytes == 16 * kPageSize);

struct RingPages {
  RingPageList gdt{}, stub{};
};

// `machine(offset)` tells the machine address of the page at an offset into the monitor's part.
template <class Machine>
RingPages ring_pages(Machine&& machine) {
  RingPages pages;
  for (size_t i = 0; i < pages.gdt.size(); ++i) {
    pages.gdt[i] = machine(ring_layout::kGdt + i * kPageSize);
    pages.stub[i] = machine(ring_layout::kStub + i * kPageSize);
  }
  return pages;
}

// Such a list seen as one stretch of bytes. Nothing read or written through it may cross a page.
class RingArea {
 public:
  RingArea(hw::PhysicalMemory& memory, const RingPageList& pages) {
    for (size_t i = 0; i < pages.size(); ++i) {
      assert(memory.contains(GuestPhysical(pages[i].value), kPageSize));
      page_[i] = memory.host(GuestPhysical(pages[i].value));
    }
  }
  uint8_t* at(uint64_t offset) const { return page_[offset >> kPageShift] + offset % kPageSize; }
  uint64_t word(uint64_t offset) const {
    uint64_t value;
    std::memcpy(&value, at(offset), sizeof value);
    return value;
  }
  void set_word(uint64_t offset, uint64_t value) const { std::memcpy(at(offset), &value, sizeof value); }

 private:
  std::array<uint8_t*, 16> page_{};
};

}  // namespace ringside::vmm
