// The flat loader: bytes to an address, entered there in real, protected or long mode. For hand-written guests and boot sectors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"
#include "vmm/boot/start_mode.h"

namespace ringside::vmm {

struct FlatOptions {
  StartMode mode = StartMode::kReal;
  // Where the image goes and where it is entered; by default a boot sector's 0x7c00 in real mode, 1 MiB in the others.
  std::optional<GuestPhysical> load{}, entry{};
};

Result<BootState> load_flat(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const FlatOptions& options);

}  // namespace ringside::vmm
