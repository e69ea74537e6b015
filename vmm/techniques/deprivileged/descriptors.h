// The descriptor table the real processor has while the guest runs deprivileged. For users: a copy of the guest's, so that they load, LAR and LSL
// what the guest's kernel gave them, without system descriptors (no call gate may lead to the real ring 0). For the guest's kernel: empty, so
// that every segment load and far transfer of it traps and the virtual processor makes it.
// MODEL: accessed flags set by the guest's users go to the copy.
#pragma once

#include "hwmodel/machine/cpu.h"
#include "vmm/paging/monitor_part.h"

namespace ringside::vmm {

// Shows the table at `table` of `guest` (linear; limit 0: none) in the monitor's part. `shown`: bytes shown so far, updated.
void show_descriptors(const hw::Cpu& guest, MonitorPart& part, hw::TableRegister table, uint16_t& shown);

// A flat stack segment of privilege 3 in place of one that only privilege 0 may have.
hw::Segment flat_stack_segment(uint16_t selector);

}  // namespace ringside::vmm
