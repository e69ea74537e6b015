// Asks the page walker with accessed and dirty flags left alone.
#include "vmm/core/peek.h"

#include "hwmodel/mmu/walker.h"

namespace ringside::vmm {

bool peek_translate(const Registers& registers, hw::PhysicalMemory& memory, GuestVirtual linear, GuestPhysical& physical) {
  hw::CpuState state;
  state.cr0 = registers.cr0;
  state.cr4 = registers.cr4;
  state.efer = registers.efer;
  hw::WalkRequest request;
  request.linear = linear.value;
  request.controls = hw::paging_controls(state);
  request.cr3 = registers.cr3;
  request.flags = hw::FlagUpdate::kLeave;
  request.controls.smap = false;  // looking is not the guest's access: its own rights do not matter
  hw::WalkResult result;
  walk(memory, request, result);
  physical = GuestPhysical(result.physical.value);
  return result.outcome == hw::WalkOutcome::kTranslated;
}

}  // namespace ringside::vmm
