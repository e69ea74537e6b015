// RAM minus the PC's legacy hole between 640 KiB and 1 MiB.
#include "vmm/boot/memory_map.h"

#include "vmm/boot/layout.h"

namespace ringside::vmm {

std::vector<MemoryMapEntry> memory_map(const hw::PhysicalMemory& memory) {
  const uint64_t extended = layout::kExtendedMemory.value;
  std::vector<MemoryMapEntry> map;
  map.push_back({GuestPhysical(0), layout::kLowMemoryEnd.value, MemoryType::kUsable});
  map.push_back({layout::kLowMemoryEnd, layout::kVgaWindow - layout::kLowMemoryEnd, MemoryType::kReserved});
  map.push_back({layout::kAcpiTables, extended - layout::kAcpiTables.value, MemoryType::kReserved});
  if (memory.low_size() > extended) map.push_back({GuestPhysical(extended), memory.low_size() - extended, MemoryType::kUsable});
  if (memory.high_size()) map.push_back({GuestPhysical(hw::PhysicalMemory::kHoleEnd), memory.high_size(), MemoryType::kUsable});
  return map;
}

}  // namespace ringside::vmm
