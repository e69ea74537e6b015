// The guest's RAM as its tables may see it: machine memory below the monitor's share. The dimension below of software
// walks of guest tables: an entry in the monitor's memory reads as an entry outside RAM does, all ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/walk_table.h"
#include "vmm/paging/monitor_memory.h"

namespace ringside::vmm {

constexpr uint64_t page_of(uint64_t address) { return address & ~(kPageSize - 1); }

class GuestRam {
 public:
  explicit GuestRam(const MonitorMemory& monitor) : memory_(monitor.memory()), end_(end_of(monitor)) {}

  uint64_t end() const { return end_; }
  bool contains(uint64_t address, uint64_t bytes = 1) const {
    return address < end_ && bytes <= end_ - address && memory_.contains(GuestPhysical(address), bytes);
  }
  bool has_page(uint64_t address) const { return contains(page_of(address), kPageSize); }
  // Host pointer of a page known to be RAM.
  uint8_t* host(uint64_t address) const { return memory_.host(GuestPhysical(address)); }
  uint64_t word(uint64_t address) const {
    uint64_t value;
    std::memcpy(&value, host(address), sizeof value);
    return value;
  }
  // Where a device access to `address` really goes: never into the monitor's memory. A guest that maps addresses beyond
  // its RAM finds there what an empty bus has, in the last page of the physical address space.
  uint64_t device_page(uint64_t address) const {
    const uint64_t page = page_of(address) & hw::kPhysicalAddressMask;
    return memory_.host(GuestPhysical(page)) ? hw::kPhysicalAddressMask & ~(kPageSize - 1) : page;
  }

  hw::EntryPlace locate(uint64_t address, unsigned /*level*/) const {
    return {true, HostPhysical(address), contains(address) ? host(address) : nullptr};
  }

 private:
  static uint64_t end_of(const MonitorMemory& monitor) {
    const hw::PhysicalMemory& m = monitor.memory();
    const uint64_t top = m.high_size() ? hw::PhysicalMemory::kHoleEnd + m.high_size() : m.low_size();
    return std::min(top, monitor.first().value);
  }

  hw::PhysicalMemory& memory_;
  uint64_t end_;
};

}  // namespace ringside::vmm
