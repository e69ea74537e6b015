// The CPU state guests are entered in: real, protected or long mode with flat segments, GDT and (long mode) an identity map of
// the first 4 GiB built in guest memory. Used by all loaders.
#pragma once

#include <string_view>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/core/registers.h"

namespace ringside::vmm {

enum class StartMode : uint8_t { kReal, kProtected, kLong };

// "real", "protected", "long" and back; the error names the choices.
std::string_view name_of(StartMode mode);
Result<StartMode> start_mode_of(std::string_view name);

// Selectors of the GDT at layout::kGdt: Linux's __BOOT_CS and __BOOT_DS [Linux Documentation/arch/x86/boot.rst].
constexpr uint16_t kBootCodeSelector = 0x10, kBootDataSelector = 0x18, kBootTssSelector = 0x20;

// Real mode at segment:offset 0:entry for entries below 64 KiB, else segment entry >> 4. Interrupts off.
Registers real_mode_registers(GuestPhysical entry);
// 32-bit flat protected mode without paging; writes the GDT.
Result<Registers> protected_mode_registers(hw::PhysicalMemory& memory, GuestPhysical entry);
// 64-bit mode, paging on; writes GDT and page tables.
Result<Registers> long_mode_registers(hw::PhysicalMemory& memory, GuestPhysical entry);

}  // namespace ringside::vmm
