// The device bus: which device answers a port or an MMIO address. Used by both machines.
// Unclaimed ports and addresses read as all ones and swallow writes, as an empty ISA/PCI bus does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hwmodel/platform/device.h"
#include "traces/base/result.h"

namespace ringside::hw {

struct BusTarget {
  Device* device = nullptr;  // null: unclaimed
  uint64_t offset = 0;
};

class Bus {
 public:
  // Claims [first, first + count). The bus does not own the device. Fails where the range overlaps an earlier claim.
  Result<void> claim_ports(uint16_t first, unsigned count, Device& device);
  Result<void> claim_mmio(GuestPhysical first, uint64_t bytes, Device& device);
  BusTarget find_port(uint16_t port) const;
  BusTarget find_mmio(GuestPhysical address) const;

 private:
  struct Range {
    uint64_t first, last;
    Device* device;
  };
  static BusTarget find(const std::vector<Range>& ranges, uint64_t address);
  static Result<void> claim(std::vector<Range>& ranges, uint64_t first, uint64_t count, Device& device,
                            std::string_view kind);
  std::vector<Range> ports_, mmio_;
};

}  // namespace ringside::hw
