// The monitor's share of the machine's RAM: a bounded pool of 4 KiB pages above guest RAM, for shadow and nested tables.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "hwmodel/machine/memory.h"

namespace ringside::vmm {

class MonitorMemory {
 public:
  // Pages of [first, first + bytes), machine-physical, all of it RAM. Fewer than one page means every allocation fails.
  MonitorMemory(hw::PhysicalMemory& memory, HostPhysical first, uint64_t bytes)
      : memory_(memory), first_(first), next_(first.value), end_(first.value + bytes) {}

  // Guest RAM ends where the pool begins.
  HostPhysical first() const { return first_; }
  uint64_t capacity_pages() const { return (end_ - first_.value) / kPageSize; }

  // A zeroed page, or nothing when the pool is used up: the caller reclaims tables and asks again.
  std::optional<HostPhysical> allocate() {
    HostPhysical page;
    if (!free_.empty()) {
      page = free_.back();
      free_.pop_back();
    } else if (next_ + kPageSize <= end_) {
      page = HostPhysical(next_);
      next_ += kPageSize;
    } else {
      return std::nullopt;
    }
    peak_ = std::max(peak_, ++used_);
    std::memset(host(page), 0, kPageSize);
    return page;
  }
  void release(HostPhysical page) {
    free_.push_back(page);
    --used_;
  }
  uint64_t used_pages() const { return used_; }
  uint64_t peak_pages() const { return peak_; }  // the most used at once
  uint8_t* host(HostPhysical address) { return memory_.host(GuestPhysical(address.value)); }
  uint64_t* entries(HostPhysical table) { return reinterpret_cast<uint64_t*>(host(table)); }
  hw::PhysicalMemory& memory() const { return memory_; }

 private:
  hw::PhysicalMemory& memory_;
  HostPhysical first_;
  uint64_t next_, end_, used_ = 0, peak_ = 0;
  std::vector<HostPhysical> free_;
};

}  // namespace ringside::vmm
