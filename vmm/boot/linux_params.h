// boot_params, the "zero page" that tells a Linux kernel where it is: built in a page of its own and written to the layout's place.
// [Linux Documentation/arch/x86/zero-page.rst]. Called by the Linux loader.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "vmm/boot/memory_map.h"

namespace ringside::vmm {

class BootParams {
 public:
  // Without a bzImage (plain vmlinux): only the header fields a kernel reads are set.
  BootParams();
  // With the setup header copied out of a bzImage.
  explicit BootParams(std::span<const uint8_t> bzimage);

  void set_text_screen();
  void set_command_line(GuestPhysical address, uint32_t bytes);
  void set_initrd(GuestPhysical address, uint64_t bytes);
  void set_kernel_address(GuestPhysical address);
  void set_acpi_rsdp(GuestPhysical address);
  void set_memory_map(const std::vector<MemoryMapEntry>& map);

  bool write_to(hw::PhysicalMemory& memory, GuestPhysical address) const { return memory.write(address, page_); }

 private:
  template <class T>
  void put(unsigned offset, T value) { std::memcpy(page_.data() + offset, &value, sizeof value); }
  std::array<uint8_t, 4096> page_{};
};

}  // namespace ringside::vmm
