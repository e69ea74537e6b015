// The page walker: from a linear address and a root to a WalkResult with every reference made. It keeps no state; TLBs
// and the decision to walk are the MMU's.
#pragma once

#include <cstdint>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/accessed_dirty.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/walk_result.h"

namespace ringside::hw {

struct WalkRequest {
  uint64_t linear = 0;
  AccessKind kind = AccessKind::kRead;
  AccessRole who = AccessRole::kSupervisor;
  PagingControls controls;  // mode is not kOff
  uint64_t cr3 = 0;
  FlagUpdate flags = FlagUpdate::kWrite;
};

// Walks the guest's own tables, which lie in the machine's memory: bare metal, or a shadow table in the same format
// (then `table` says so). On a fault no flag is written. Writes only accessed and dirty flags, only into RAM.
void walk_native(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out,
                 TableKind table = TableKind::kGuest);

}  // namespace ringside::hw
