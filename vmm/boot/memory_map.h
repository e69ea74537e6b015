// The memory map a firmware would report (E820): derived from the machine's RAM and the layout. Used by the Linux and
// Multiboot loaders.
#pragma once

#include <cstdint>
#include <vector>

#include "hwmodel/machine/memory.h"

namespace ringside::vmm {

// Types of the BIOS call E820 [ACPI 15 "System Address Map Interfaces"].
enum class MemoryType : uint32_t { kUsable = 1, kReserved = 2 };

struct MemoryMapEntry {
  GuestPhysical start;
  uint64_t bytes = 0;
  MemoryType type = MemoryType::kUsable;
};

// Ascending, without overlaps.
std::vector<MemoryMapEntry> memory_map(const hw::PhysicalMemory& memory);

}  // namespace ringside::vmm
