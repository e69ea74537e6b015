// The loader of paravirtual kernels: ELF64 executables whose notes say so (techniques/pv/interface). It places the kernel in pseudo-physical
// memory and builds the start of day (pv_start.h); such a kernel runs under technique pv only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"

namespace ringside::vmm {

struct PvGuestOptions {
  std::string command_line{};
};

bool is_pv_kernel(std::span<const uint8_t> image);
Result<BootState> load_pv_guest(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const PvGuestOptions& options);

}  // namespace ringside::vmm
