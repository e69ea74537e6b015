// From a guest as described (paths and options) to one loaded into a machine's RAM, ready to be entered, with the digests that
// name its files in a trace. Called by the runner.
#pragma once

#include "sim/run.h"

namespace ringside::sim {

struct LoadedGuest {
  vmm::BootState state;
  vmm::GuestKind kind = vmm::GuestKind::kLinux;
  std::string kernel_digest, initrd_digest;  // SHA-256 in hexadecimal; "" where there is no initrd
};

Result<LoadedGuest> load(const Guest& guest, hw::PhysicalMemory& memory, GuestPhysical acpi_rsdp);

}  // namespace ringside::sim
