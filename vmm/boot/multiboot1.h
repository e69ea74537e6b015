// The Multiboot 1 loader [Multiboot Specification 0.6.96]: ELF32, ELF64 (as GRUB takes it: entered in 32-bit mode all the same) and
// raw images with address fields (a.out kludge); memory map, modules, command line. VBE and other video requests are ignored.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"

namespace ringside::vmm {

struct MultibootModule {
  std::span<const uint8_t> bytes{};
  std::string command_line{};
};

struct MultibootOptions {
  std::string command_line{};
  std::vector<MultibootModule> modules{};
};

// True if the image has a Multiboot 1 header with a right checksum.
bool is_multiboot1(std::span<const uint8_t> image);
Result<BootState> load_multiboot1(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const MultibootOptions& options);

}  // namespace ringside::vmm
