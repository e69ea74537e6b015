// The monitor's own walk of the guest's tables, in software: what the guest's tables alone say about an access. Hardware
// that runs the guest walks shadow or nested tables; this one decides whose fault it is. Called by the pagings.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"
#include "hwmodel/mmu/walk_result.h"
#include "hwmodel/mmu/walk_table.h"
#include "vmm/paging/guest_ram.h"

namespace ringside::vmm {

// The access that faulted, as the MMU recorded it.
struct FaultingAccess {
  uint64_t linear = 0;
  hw::AccessKind kind = hw::AccessKind::kRead;
  hw::AccessRole who = hw::AccessRole::kSupervisor;
};
// From the MMU's last walk where it is of `linear` and failed, which tells fetches from reads and implicit accesses from
// explicit ones in every mode; else from the error code.
FaultingAccess faulting_access(const hw::Cpu& cpu, uint64_t linear, uint32_t error);

struct GuestWalk {
  bool ok = false;
  uint32_t error = 0;           // of the page fault when !ok
  uint64_t guest_physical = 0;  // of the access
  hw::WalkPath path;            // the entries on the way, with the flags set_flags() gave them
  hw::Leaf leaf;
};

class GuestWalker {
 public:
  explicit GuestWalker(const GuestRam& ram) : ram_(ram) {}

  // In any paging mode; with paging off the linear address is guest-physical. No side effect. Valid until the next.
  const GuestWalk& walk(const hw::CpuState& cpu, const FaultingAccess& access);
  // Sets accessed and dirty flags as hardware would have. The last walk() was ok.
  void set_flags();

 private:
  template <class Format>
  void walk_format(const hw::CpuState& cpu, unsigned top);
  template <class Format>
  void set_flags_of();

  GuestRam ram_;
  hw::PagingControls controls_;
  FaultingAccess access_;
  GuestWalk walk_;
  hw::WalkResult record_;
};

}  // namespace ringside::vmm
