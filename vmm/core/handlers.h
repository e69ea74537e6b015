// What the monitor does about each kind of exit: free functions of the exit and the bus, testable without any machine.
// Called by the run loop only.
#pragma once

#include <string_view>

#include "hwmodel/platform/bus.h"
#include "vmm/core/exit.h"

namespace ringside::vmm {

// Lets the device on the bus take or give the data, element by element for string I/O (all to the same port, as INS and OUTS do).
// Fills exit.data for reads. Returns the device's name, "" if none claims the port (reads give all ones).
std::string_view handle_port_exit(hw::Bus& bus, PortExit& exit);
// The same for memory-mapped I/O; sets exit.value for loads.
std::string_view handle_mmio_exit(hw::Bus& bus, MmioExit& exit);
// No MSR of the monitor's exists yet: the access faults, as hardware does for an unknown MSR [SDM 2B RDMSR, WRMSR].
void handle_msr_exit(MsrExit& exit);
// No hypercall exists yet: KVM's "no such call" answer (-ENOSYS = -1000 in its numbering).
void handle_hypercall_exit(HypercallExit& exit);

}  // namespace ringside::vmm
