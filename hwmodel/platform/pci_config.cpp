#include "hwmodel/platform/pci_config.h"

#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

// CONFIG_ADDRESS [PCI 2.3, 3.2.2.3.2]: 31 enable | 23:16 bus | 15:11 device | 10:8 function | 7:2 register. The others
// read as 0.
constexpr uint32_t kAddressBits = 0x80fffffc;

// Reset control [ICH9 13.7.5 "RST_CNT"]: bit 1 hard or soft, bit 2 resets when it goes from 0 to 1, bit 3 full (power
// cycled).
constexpr uint8_t kResetCpu = 0x04, kResetBits = 0x0e;

}  // namespace

// Only a dword access at offset 0 reaches CONFIG_ADDRESS; a byte at offset 1 is the reset control register.
uint64_t PciConfig::read(uint64_t offset, unsigned size) {
  if (offset == 0 && size == 4) return address_;
  if (offset == 1 && size == 1) return reset_control_;
  return value_mask(size);  // nobody on the bus answers
}

void PciConfig::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset == 0 && size == 4) address_ = static_cast<uint32_t>(value) & kAddressBits;
  if (offset == 1 && size == 1) write_reset_control(static_cast<uint8_t>(value));
}

void PciConfig::write_reset_control(uint8_t value) {
  const bool resets = (value & kResetCpu) && !(reset_control_ & kResetCpu);
  reset_control_ = value & kResetBits;
  if (resets) reset_();
}

}  // namespace ringside::hw
