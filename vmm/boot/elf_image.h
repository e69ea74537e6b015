// An ELF executable as a loader sees it: class, machine, entry and the segments to load, all checked against the file.
// Used by the Linux (vmlinux) and Multiboot loaders; knows nothing of either.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"

namespace ringside::vmm {

enum class ElfClass : uint8_t { k32 = 1, k64 = 2 };

struct ElfSegment {
  GuestPhysical address;     // p_paddr
  uint64_t virtual_address = 0;
  uint64_t file_offset = 0, file_bytes = 0;
  uint64_t memory_bytes = 0; // the rest beyond file_bytes is zeroed
};

struct ElfImage {
  ElfClass elf_class = ElfClass::k64;
  uint64_t entry = 0;        // as the file says: physical or virtual
  std::vector<ElfSegment> segments;  // PT_LOAD with memory_bytes > 0

  // `entry` as a guest-physical address: itself if it lies in a segment's physical range, else translated through the segment
  // whose virtual range holds it. False if no segment does.
  bool physical_entry(GuestPhysical& out) const;
  // Lowest address and end of what the segments cover.
  GuestPhysical first() const;
  GuestPhysical end() const;
};

bool is_elf(std::span<const uint8_t> image);
// Checks the file: x86 machine, executable, tables and segments inside the file, no two segments overlapping.
Result<ElfImage> parse_elf(std::span<const uint8_t> image);
// Copies the segments into RAM. `keep_free`: ranges of the monitor's own start structures no segment may touch.
Result<void> load_segments(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const ElfImage& elf,
                           std::span<const PlacedRegion> keep_free);

}  // namespace ringside::vmm
