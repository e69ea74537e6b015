// The 8254 interval timer of a PC: counter 0 drives the timer interrupt, counter 2 the speaker and, through port 0x61,
// a program's own measurements. Counter 1 (memory refresh) counts too. Called by the chipset.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/platform/device.h"
#include "hwmodel/platform/pit_channel.h"

namespace ringside::hw {

class Pit {
 public:
  Pit(Clock& clock, IrqLine timer_line);

  uint8_t read(unsigned offset);  // ports 0x40 to 0x43
  void write(unsigned offset, uint8_t value);

  // Port 0x61, system control port B: 5 output of counter 2 | 4 refresh toggle | 3:2 checks off | 1 speaker | 0 gate of
  // counter 2.
  uint8_t read_control_b();
  void write_control_b(uint8_t value);

 private:
  uint64_t tick() const;
  void timer_due();
  void update_line(uint64_t tick);
  void arm(uint64_t tick);
  void read_back(uint8_t command);

  Clock& clock_;
  IrqLine line_;
  Clock::Timer timer_;
  std::array<PitChannel, 3> channels_;
  uint64_t due_ = PitChannel::kNever;  // tick of the rise the timer is armed for
  uint8_t control_b_ = 0;
  bool level_ = false;
};

}  // namespace ringside::hw
