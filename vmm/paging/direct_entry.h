// The rules for a single page-table entry or descriptor of a paravirtual guest: which bits it may have, and what the monitor adds.
// Pure functions. Called by direct_paging.
//
//   63  62..52     51..12         11..9      8  7     6  5  4   3   2  1   0
//   NX  available  machine frame  available  G  PS    D  A  PCD PWT US RW  P
//                                            0  0           0   0   1          what the monitor insists on
#pragma once

#include <cstdint>
#include <optional>

#include "vmm/paging/direct_frames.h"

namespace ringside::vmm::direct {

constexpr uint64_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 1 << 5, kDirty = 1 << 6, kNx = uint64_t{1} << 63;
constexpr uint64_t kFrameMask = 0x000f'ffff'ffff'f000;
// Memory types are the monitor's, pages have 4 KiB, and nothing is global: a switch of view must drop the kernel's translations.
constexpr uint64_t kForbidden = 1 << 3 | 1 << 4 | 1 << 7 | 1 << 8;

constexpr bool present(uint64_t entry) { return entry & kPresent; }
constexpr MachineFrame target(uint64_t entry) { return MachineFrame((entry & kFrameMask) >> kPageShift); }
// Kernel and user both run at CPL 3: without the user bit the kernel could not see its own pages. As Xen does on x86-64.
constexpr uint64_t adjusted(uint64_t entry) { return present(entry) ? entry | kUser : entry; }

// A descriptor made safe, or nothing where it cannot be: only code and data, entered from ring 3 only. The accessed bit is set before
// the processor wants to.
constexpr std::optional<uint64_t> safe_descriptor(uint64_t descriptor) {
  constexpr uint64_t kAccessedBit = uint64_t{1} << 40, kCode = uint64_t{1} << 43, kCodeOrData = uint64_t{1} << 44, kDpl3 = uint64_t{3} << 45,
                     kPresentBit = uint64_t{1} << 47, kLong = uint64_t{1} << 53, kDefaultSize = uint64_t{1} << 54;
  if (!(descriptor & kPresentBit)) return descriptor;
  if (!(descriptor & kCodeOrData)) return std::nullopt;
  if ((descriptor & kCode) && (descriptor & kLong) && (descriptor & kDefaultSize)) return std::nullopt;  // reserved [SDM 3A 5.2.1]
  return descriptor | kDpl3 | kAccessedBit;
}

}  // namespace ringside::vmm::direct
