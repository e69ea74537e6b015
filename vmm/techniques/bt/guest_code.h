// Where the translator reads the guest's code: through the virtual processor's view of memory, as a fetch at CPL 0
// would. Implemented by the monitor; VirtualCpuCode reads through an hw::Cpu.
#pragma once

#include <cstdint>
#include <optional>

#include "hwmodel/machine/cpu.h"

namespace ringside::vmm::bt {

struct GuestCodePage {
  uint64_t physical = 0;           // of the page
  const uint8_t* bytes = nullptr;  // all of the page
};

class GuestCode {
 public:
  virtual ~GuestCode() = default;
  // The page of `linear` as an instruction fetch of the kernel sees it, accessed flags set; nothing where the fetch
  // would fault or leave RAM.
  virtual std::optional<GuestCodePage> fetch(uint64_t linear) = 0;
  // The same without side effects.
  virtual std::optional<GuestCodePage> peek(uint64_t linear) = 0;
};

class VirtualCpuCode final : public GuestCode {
 public:
  explicit VirtualCpuCode(hw::Cpu& cpu) : cpu_(cpu) {}
  std::optional<GuestCodePage> fetch(uint64_t linear) override {
    return page(linear, cpu_.mmu.translate(linear & kMask, hw::AccessKind::kFetch, false));
  }
  std::optional<GuestCodePage> peek(uint64_t linear) override {
    return page(linear, cpu_.mmu.peek(linear & kMask, hw::AccessKind::kFetch, false));
  }

 private:
  static constexpr uint64_t kMask = ~uint64_t{kPageSize - 1};
  std::optional<GuestCodePage> page(uint64_t, const hw::Translation& t) const {
    const uint8_t* host = t.ok ? cpu_.memory.host(t.physical) : nullptr;
    if (!host) return std::nullopt;
    return GuestCodePage{t.physical.value, host};
  }
  hw::Cpu& cpu_;
};

}  // namespace ringside::vmm::bt
