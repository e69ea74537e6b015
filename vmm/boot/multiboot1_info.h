// The Multiboot information structure and what hangs on it, built in a byte block that is then placed in guest memory.
// Called by the Multiboot loader.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "traces/base/types.h"
#include "vmm/boot/memory_map.h"

namespace ringside::vmm {

struct PlacedModule {
  GuestPhysical start;
  uint64_t bytes = 0;
  std::string command_line;
};

// The block for guest-physical address `at`; its first byte is the information structure.
std::vector<uint8_t> multiboot1_info(GuestPhysical at, const std::vector<MemoryMapEntry>& map, const std::vector<PlacedModule>& modules,
                                     const std::string& command_line);

}  // namespace ringside::vmm
