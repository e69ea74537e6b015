// Translation of a guest-linear address from the registers alone, without side effects: for machines that are not the model
// and for reports. Uses the one page walker (hwmodel/mmu/walker).
#pragma once

#include "hwmodel/machine/memory.h"
#include "vmm/core/registers.h"

namespace ringside::vmm {

// False where the guest's page tables do not map `linear` for a supervisor read.
bool peek_translate(const Registers& registers, hw::PhysicalMemory& memory, GuestVirtual linear, GuestPhysical& physical);

}  // namespace ringside::vmm
