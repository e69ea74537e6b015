// The guest's processor as the paravirtual interface has it, beside the registers in the RingContext: two views of memory, where the kernel
// wants to be entered, segment bases. Plain data, changed by hypercalls and by entries into the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "vmm/core/ring_cpu.h"

namespace ringside::vmm::pv {

enum class View : uint8_t { kKernel, kUser };

struct TrapEntry {
  uint64_t address = 0;  // 0: none
  uint8_t privilege = 0;
  bool masks_events = false;
};

struct VirtualCpu {
  View view = View::kKernel;
  uint64_t kernel_sp = 0;                    // for the next entry from the user view
  std::array<TrapEntry, 256> trap{};
  uint64_t event_callback = 0, failsafe_callback = 0, syscall_callback = 0;
  uint64_t other_gs_base = 0;                // of the view that is not running
  bool task_switched = false;                // CR0.TS
  std::optional<uint64_t> timer;             // system time, ns

  // The views have GS bases of their own, as SWAPGS would give them.
  void enter_view(View next, RingContext& context) {
    if (next != view) std::swap(other_gs_base, context.segment[hw::kGs].base);
    view = next;
  }
};

}  // namespace ringside::vmm::pv
