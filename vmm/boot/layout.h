// Every guest-visible address the monitor chooses, with its reason. Loaders, ACPI tables and machines take them from here;
// addresses that the hardware itself fixes are in hwmodel (ports, PhysicalMemory's hole).
#pragma once

#include "hwmodel/machine/memory.h"
#include "traces/base/types.h"

// Guest-physical memory below 1 MiB as a guest finds it at its start:
//   0x00500  GDT of the start state          where a BIOS would have left its data area free
//   0x07000  Linux boot_params               one page
//   0x09000  page tables of the start state  PML4, PDPT, four page directories: identity map of 4 GiB
//   0x20000  command line, Multiboot info    up to 64 KiB: structures and strings
//   0x9fc00  end of conventional memory      as on a PC with an extended BIOS data area
//   0xa0000  VGA window, text memory at 0xb8000
//   0xe0000  ACPI tables                     RSDP on a 16-byte boundary, where guests search
//   0x100000 extended memory
namespace ringside::vmm::layout {

constexpr GuestPhysical kGdt{0x500};
constexpr GuestPhysical kBootParams{0x7000};
constexpr GuestPhysical kPageTables{0x9000};
constexpr uint64_t kPageTablesBytes = 6 * kPageSize;
constexpr GuestPhysical kCommandLine{0x20000};
constexpr uint64_t kCommandLineBytes = 0x10000;
// Top of a small stack for guests that are entered without one of their own; grows down to kInitialStackBottom.
constexpr GuestPhysical kInitialStack{0x1f000};
constexpr GuestPhysical kInitialStackBottom{0x10000};

// End of what the memory map calls usable below 1 MiB: the extended BIOS data area of a PC starts about here.
constexpr GuestPhysical kLowMemoryEnd{0x9fc00};
constexpr GuestPhysical kVgaWindow{0xa0000};
constexpr GuestPhysical kVgaText{0xb8000};

// The RSDP is searched on 16-byte boundaries of 0xe0000..0xfffff [ACPI 5.2.5.1 "Finding the RSDP on IA-PC Systems"].
constexpr GuestPhysical kAcpiTables{0xe0000};
constexpr uint64_t kAcpiTablesBytes = 0x10000;
constexpr GuestPhysical kExtendedMemory{0x100000};

// Pages Intel's real-mode support in KVM takes: below 4 GiB, outside RAM, away from the APICs and the reset vector.
constexpr GuestPhysical kKvmIdentityMap{0xfffbc000};
constexpr GuestPhysical kKvmTss{0xfffbd000};

static_assert(kKvmIdentityMap.value >= hw::PhysicalMemory::kHoleStart && kKvmTss.value + 3 * kPageSize <= hw::PhysicalMemory::kHoleEnd);
static_assert(kPageTables.value + kPageTablesBytes <= kInitialStackBottom.value);

// Where Linux's 32-bit entry has been since bzImage exists, and where flat images start in protected and long mode.
constexpr GuestPhysical kDefaultLoad{0x100000};
// Where a BIOS loads a boot sector.
constexpr GuestPhysical kBootSector{0x7c00};

// A paravirtual guest's initial tables map this much, and at least so much free memory behind the start structures: what Linux's and the
// teaching kernel's first steps need before they make tables of their own.
constexpr uint64_t kPvLeastMapped = 16 << 20, kPvFreeBehind = 1 << 20;

}  // namespace ringside::vmm::layout
