// The MC146818 real-time clock with its CMOS memory, at ports 0x70/0x71: time of day from a fixed epoch plus guest
// time, alarm, periodic and update interrupts, and the memory sizes a BIOS leaves in CMOS.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class Rtc final : public Device {
 public:
  // `epoch_seconds`: time of day (UTC, seconds since 1970) at guest time 0. `memory_bytes`: RAM of the machine.
  Rtc(Clock& clock, IrqLine irq, int64_t epoch_seconds, uint64_t memory_bytes);

  std::string_view name() const override { return "rtc"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  uint8_t read_data();
  void write_data(uint8_t value);
  bool updating() const;    // the SET bit is clear and the divider runs: the time registers follow the clock
  uint64_t period() const;  // of the periodic interrupt in 32768 Hz ticks; 0: off
  int64_t seconds_at(Cycles time) const;
  void load_time_registers(int64_t seconds);
  int64_t seconds_in_registers() const;
  uint8_t encode(unsigned value) const;
  unsigned decode(uint8_t value) const;
  uint8_t encode_hour(unsigned hour) const;
  unsigned decode_hour(uint8_t value) const;
  bool alarm_matches(int64_t seconds) const;
  void catch_up();  // sets the flags of register C for what happened since the last look
  void update_irq();
  void arm();
  void store_memory_sizes(uint64_t memory_bytes);

  Clock& clock_;
  IrqLine irq_;
  Clock::Timer timer_;
  std::array<uint8_t, 128> cmos_{};
  uint8_t index_ = 0;
  int64_t base_seconds_;  // time of day at base_time_
  Cycles base_time_;      // guest time when it was set
  Cycles seen_;           // guest time up to which events are in register C
  bool irq_level_ = false;
};

}  // namespace ringside::hw
