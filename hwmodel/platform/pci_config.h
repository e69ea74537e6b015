// PCI configuration mechanism #1 with an empty bus behind it (the address register works, data read as all ones), and
// the reset control register 0xCF9, which lies inside its port range.
#pragma once

#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class PciConfig final : public Device {
 public:
  explicit PciConfig(std::function<void()> reset) : reset_(std::move(reset)) {}

  std::string_view name() const override { return "pci"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  void write_reset_control(uint8_t value);

  std::function<void()> reset_;
  uint32_t address_ = 0;
  uint8_t reset_control_ = 0;
};

}  // namespace ringside::hw
