// A guest in two dimensions for tests: guest tables of any shape in guest-physical memory, nested tables of any shape
// below, and optionally a shadow root above. Guest-physical address 0 lies at kGuestBase of the machine.
#pragma once

#include <memory>

#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/walker.h"

namespace ringside::hw::testing {

constexpr uint64_t kGuestBase = 1 << 30;     // on the machine's bus, aligned for 1 GiB leaves
constexpr uint64_t kGuestBytes = 256 << 20;  // of guest-physical memory
constexpr uint64_t kEptRwx = 7 | 6 << 3;     // write-back
constexpr uint64_t kUserPage = bit::kP | bit::kRw | bit::kUs;

class TwoDimensions {
 public:
  // `host_leaf`: level of the leaves that map the guest's memory (3: 1 GiB, 2: 2 MiB, 1: 4 KiB).
  TwoDimensions(const TreeShape& guest_shape, const TreeShape& nested_shape, unsigned host_leaf)
      : memory(make_memory(kGuestBase + kGuestBytes)),
        guest(memory, guest_shape, next_guest_table, kGuestBase),
        nested(memory, nested_shape, next_machine_table) {
    map_memory(host_leaf);
    controls.mode = guest_shape.mode;
    controls.large_pages = controls.write_protect = controls.no_execute = controls.global_pages = true;
    regime.two_dimensional = true;
    regime.nested.root = nested.root();
    regime.nested.levels = static_cast<uint8_t>(nested_shape.levels);
    if (nested_shape.index_bits == 18) regime.nested.shape = TableShape::kFlattened;
    if (nested_shape.index_bits == 36) {
      regime.nested.shape = TableShape::kArray;
      regime.nested.array_bytes = kGuestBytes;
    }
    if (guest_shape.index_bits == 18) regime.shape = TableShape::kFlattened;
  }

  WalkRequest request(uint64_t linear, AccessKind kind = AccessKind::kRead, AccessRole who = AccessRole::kSupervisor) {
    return {.linear = linear,
            .kind = kind,
            .who = who,
            .controls = controls,
            .cr3 = guest.root(),
            .flags = FlagUpdate::kWrite,
            .regime = regime,
            .caches = caches.get(),
            .tag = 0};
  }
  const WalkResult& walk(uint64_t linear, AccessKind kind = AccessKind::kRead,
                         AccessRole who = AccessRole::kSupervisor) {
    hw::walk(memory, request(linear, kind, who), result);
    return result;
  }
  // Address of the nested entry that maps a guest-physical page.
  uint64_t nested_entry(uint64_t guest_physical, unsigned level = 1) {
    return nested.entry_address(guest_physical, level, kEptRwx & 7);
  }

  PhysicalMemory memory;
  uint64_t next_guest_table = 0x400000, next_machine_table = 0x400000;
  TableBuilder guest, nested;
  PagingControls controls;
  TranslationRegime regime;
  std::unique_ptr<WalkCaches> caches;
  WalkResult result;

 private:
  void map_memory(unsigned host_leaf) {
    const uint64_t step = uint64_t{1} << nested.shift(host_leaf);
    for (uint64_t at = 0; at < kGuestBytes; at += step) nested.map(at, host_leaf, kGuestBase + at, kEptRwx);
  }
};

}  // namespace ringside::hw::testing
