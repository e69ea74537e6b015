// System control port A, 0x92: bit 1 is the A20 gate, a rising bit 0 resets the machine.
// MODEL: address line 20 is always open; the bit is only remembered. No 64-bit guest relies on the wrap at 1 MiB.
#pragma once

#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class FastA20 final : public Device {
 public:
  explicit FastA20(std::function<void()> reset) : reset_(std::move(reset)) {}

  std::string_view name() const override { return "port92"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  std::function<void()> reset_;
  uint8_t value_ = 0x02;
};

}  // namespace ringside::hw
