// An 8042 keyboard controller with neither keyboard nor mouse attached: its own commands work (self test, A20 gate, CPU
// reset), what is sent to a device comes back as a time-out at once. Offset 0 is the data port 0x60, offset 4 the
// command port 0x64.
#pragma once

#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class KeyboardController final : public Device {
 public:
  explicit KeyboardController(std::function<void()> reset) : reset_(std::move(reset)) {}

  std::string_view name() const override { return "i8042"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  void command(uint8_t command);
  void data(uint8_t value);
  void answer(uint8_t value, uint8_t status_bits = 0);

  std::function<void()> reset_;
  uint8_t status_ = 0x14;  // keyboard not locked, self test passed
  uint8_t output_ = 0;
  uint8_t configuration_ = 0x75;  // translation, both clocks off, self test passed, keyboard interrupt on
  uint8_t output_port_ = 0xdf;    // A20 open, reset line high
  uint8_t expects_ = 0;           // the command whose data byte comes next; 0: none
};

// What to plug in at the command port: the controller's two ports are no contiguous range (0x61 between them is the
// timer's).
class KeyboardCommandPort final : public Device {
 public:
  explicit KeyboardCommandPort(KeyboardController& controller) : controller_(controller) {}
  std::string_view name() const override { return controller_.name(); }
  uint64_t read(uint64_t offset, unsigned size) override { return controller_.read(offset + 4, size); }
  void write(uint64_t offset, unsigned size, uint64_t value) override { controller_.write(offset + 4, size, value); }

 private:
  KeyboardController& controller_;
};

}  // namespace ringside::hw
