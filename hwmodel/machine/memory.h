// The machine's RAM: one host mapping, seen at guest-physical addresses below and above the 32-bit MMIO hole.
// Called by every part that touches RAM; page flags tell the CPU which pages hold decoded code.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "traces/base/result.h"
#include "traces/base/types.h"

namespace ringside::hw {

class PhysicalMemory {
 public:
  static constexpr uint64_t kHoleStart = 0xC0000000;  // 3 GiB: local APIC, I/O APIC and PCI windows live above
  static constexpr uint64_t kHoleEnd = 0x100000000;   // 4 GiB

  // RAM of the monitor, where one runs beneath a guest: far above anything a guest believes to be RAM.
  static constexpr uint64_t kMonitorStart = uint64_t{1} << 39;

  // `size` bytes of zeroed RAM (a multiple of 4 KiB, at least 1 MiB), mapped lazily by the host, and `monitor_size` more at kMonitorStart.
  static Result<PhysicalMemory> create(uint64_t size, uint64_t monitor_size = 0);
  // The same RAM and page flags without the monitor's part: what a processor has that must never reach it. Outlived by this.
  PhysicalMemory without_monitor();
  PhysicalMemory(PhysicalMemory&&) noexcept;
  PhysicalMemory& operator=(PhysicalMemory&&) noexcept;
  ~PhysicalMemory();

  uint64_t size() const { return size_; }
  uint64_t low_size() const { return size_ < kHoleStart ? size_ : kHoleStart; }
  uint64_t high_size() const { return size_ - low_size(); }
  uint64_t monitor_size() const { return monitor_size_; }
  uint64_t page_count() const { return (size_ + monitor_size_) >> kPageShift; }

  // Host address of one byte of RAM, or null where `address` is not RAM.
  uint8_t* host(GuestPhysical address) {
    const uint64_t a = address.value;
    if (a < low_size()) return base_ + a;
    if (a >= kHoleEnd && a - kHoleEnd < high_size()) return base_ + low_size() + (a - kHoleEnd);
    if (a >= kMonitorStart && a - kMonitorStart < monitor_size_) return base_ + size_ + (a - kMonitorStart);
    return nullptr;
  }
  const uint8_t* host(GuestPhysical address) const { return const_cast<PhysicalMemory*>(this)->host(address); }
  // True if [address, address + bytes) is RAM throughout (one contiguous range of it).
  bool contains(GuestPhysical address, uint64_t bytes) const {
    const uint64_t a = address.value;
    if (a < low_size()) return bytes <= low_size() - a;
    if (a >= kHoleEnd && a - kHoleEnd < high_size()) return bytes <= high_size() - (a - kHoleEnd);
    if (a >= kMonitorStart && a - kMonitorStart < monitor_size_) return bytes <= monitor_size_ - (a - kMonitorStart);
    return false;
  }
  // Guest-physical address of a host pointer into the mapping.
  GuestPhysical address_of(const uint8_t* host) const {
    const uint64_t offset = static_cast<uint64_t>(host - base_);
    if (offset >= size_) return GuestPhysical(kMonitorStart + (offset - size_));
    return GuestPhysical(offset < low_size() ? offset : offset - low_size() + kHoleEnd);
  }
  uint8_t* base() { return base_; }

  // Page-table words and descriptors: 0 and false where the address is not RAM.
  template <class T>
  bool read(GuestPhysical address, T& out) const {
    if (!contains(address, sizeof(T))) { out = T{}; return false; }
    std::memcpy(&out, host(address), sizeof(T));
    return true;
  }
  template <class T>
  bool write(GuestPhysical address, const T& value) {
    if (!contains(address, sizeof(T))) return false;
    std::memcpy(host(address), &value, sizeof(T));
    return true;
  }

  // Page flags, indexed by host page of the mapping. kHasCode: decoded instructions of this page are cached, so stores
  // to it must take the slow path. kTraced: a monitor wants to hear of stores to it (Cpu::store_watcher). kDirty is for
  // later users (migration, dirty logging).
  enum PageFlag : uint8_t { kHasCode = 1, kDirty = 2, kTraced = 4 };
  static constexpr uint8_t kSlowStores = kHasCode | kTraced;
  uint8_t& page_flags(const uint8_t* host) { return flags_[static_cast<uint64_t>(host - base_) >> kPageShift]; }
  uint64_t page_index(const uint8_t* host) const { return static_cast<uint64_t>(host - base_) >> kPageShift; }

 private:
  PhysicalMemory(uint8_t* base, uint64_t size, uint64_t monitor_size);
  uint8_t* base_ = nullptr;
  uint64_t size_ = 0, monitor_size_ = 0;
  std::shared_ptr<uint8_t[]> flags_;
  uint64_t mapped_ = 0;  // bytes to unmap; 0 in a view
};

}  // namespace ringside::hw
