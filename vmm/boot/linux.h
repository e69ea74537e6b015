// The Linux loader: a bzImage or a vmlinux ELF file, an initrd and a command line into guest RAM, by the Linux boot protocol
// [Linux Documentation/arch/x86/boot.rst]. Two ways for a bzImage: its payload is decompressed on the host and the kernel entered
// directly (the default: saves the guest 0.3 G instructions), or the bzImage's own entry is called and decompresses itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"

namespace ringside::vmm {

enum class DecompressBy : uint8_t { kHost, kGuest };

struct LinuxOptions {
  std::string command_line{};
  std::span<const uint8_t> initrd{};        // empty: none
  DecompressBy decompress = DecompressBy::kHost;
  GuestPhysical acpi_rsdp{};                // 0: the guest searches for itself
};

// Fills RAM and returns the state to start with. Nothing is written before everything is checked, so an error leaves RAM as it was
// (but for the start structures of the layout).
Result<BootState> load_linux(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const LinuxOptions& options);

}  // namespace ringside::vmm
