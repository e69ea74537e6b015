// The ACPI tables of the machine: RSDP, RSDT and XSDT, FADT, FACS, MADT, DSDT. They say what hwmodel/platform/ports.h has where, and
// how to power off and reset. Called when a guest is prepared, before it is loaded.
#pragma once

#include <cstdint>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"

namespace ringside::vmm {

struct AcpiOptions {
  unsigned cpus = 1;  // at most 254: ids of local APICs are bytes
};

// All tables as one block for guest-physical address `at` (16-byte aligned); the RSDP is its start.
std::vector<uint8_t> acpi_tables(GuestPhysical at, const AcpiOptions& options);
// Writes them to the layout's place and returns the address of the RSDP.
Result<GuestPhysical> install_acpi(hw::PhysicalMemory& memory, const AcpiOptions& options);

}  // namespace ringside::vmm
