// The ACPI fixed-hardware block at one port range: PM1a event and control registers, PM timer. Writing SLP_EN with the
// sleep type of S5 powers the machine off. The machine is always in ACPI mode (no SMI command port), so SCI_EN reads as
// one.
#pragma once

#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class AcpiPm final : public Device {
 public:
  enum class TimerWidth : uint8_t { k24Bit, k32Bit };  // FADT flag TMR_VAL_EXT
  static constexpr unsigned kSleepTypeS5 = 5;          // what the DSDT's \_S5 package must say
  // Offsets in the block [ports.h kAcpiPm].
  static constexpr uint64_t kStatus = 0, kEnable = 2, kControl = 4, kTimer = 8;

  AcpiPm(Clock& clock, IrqLine sci, TimerWidth width, std::function<void()> power_off);

  std::string_view name() const override { return "acpi"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  // As a person would: the guest's operating system is asked to shut down.
  void press_power_button();

 private:
  uint32_t timer_value() const;
  void catch_up();  // TMR_STS for carries since the last look
  void update_sci();
  uint8_t read_byte(uint64_t offset);
  void write_byte(uint64_t offset, uint8_t value);
  void write_control(uint16_t value);

  Clock& clock_;
  IrqLine sci_;
  std::function<void()> power_off_;
  Clock::Timer timer_;
  TimerWidth width_;
  uint16_t status_ = 0, enable_ = 0, control_ = 1;
  uint64_t seen_carries_ = 0;
  bool sci_level_ = false;
};

}  // namespace ringside::hw
