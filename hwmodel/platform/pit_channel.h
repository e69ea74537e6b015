// One counter of the 8254: what it counts and what its output shows at any tick of the 1.193182 MHz clock, computed
// from the tick it was loaded at; nothing runs between accesses. Called by Pit, which adds ports, timer and interrupt
// line. [Intel 8254 data sheet, 1993]
#pragma once

#include <cstdint>

namespace ringside::hw {

class PitChannel {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};

  // The control word [8254 figure 7]: 5:4 access (0: latch the count) | 3:1 mode | 0 BCD.
  void write_control(uint8_t control, uint64_t tick);
  void write_data(uint8_t value, uint64_t tick);
  uint8_t read_data(uint64_t tick);
  void latch_count(uint64_t tick);
  void latch_status(uint64_t tick);
  void set_gate(bool gate, uint64_t tick);

  bool gate() const { return gate_; }
  bool output(uint64_t tick) const;
  // The first tick after `tick` at which the output rises by itself, or kNever.
  uint64_t next_rise(uint64_t tick) const;

 private:
  enum class Access : uint8_t { kLow = 1, kHigh = 2, kLowThenHigh = 3 };
  bool periodic() const { return mode_ == 2 || mode_ == 3; }
  bool triggered() const { return mode_ == 1 || mode_ == 5; }  // counting waits for a rising gate
  uint64_t modulus() const { return bcd_ ? 10000 : 65536; }
  uint64_t elapsed(uint64_t tick) const;
  uint64_t high_ticks() const { return (period_ + 1) / 2; }  // of a period in mode 3
  uint16_t count(uint64_t tick) const;
  void load(uint16_t raw, uint64_t tick);
  void start(uint64_t tick);
  void settle(uint64_t tick);  // a count that waited for the end of a period takes effect

  uint8_t mode_ = 0;
  Access access_ = Access::kLowThenHigh;
  bool bcd_ = false, gate_ = true;
  bool counting_ = false;        // a count was loaded (and triggered, where the mode waits for that)
  bool loaded_ = false;          // a count was written since the control word
  uint64_t period_ = 65536;      // ticks
  uint64_t start_ = 0;           // tick at which the counter held `period_`
  uint64_t next_period_ = 0;     // mode 2 and 3: count written while running; 0: none
  uint64_t change_ = 0;          // the tick at which it takes over
  uint64_t paused_ = 0;          // elapsed ticks when the gate closed
  bool high_byte_next_ = false;  // of a two-byte write
  uint8_t low_byte_ = 0;
  bool read_high_next_ = false;
  uint16_t latched_count_ = 0;
  uint8_t latched_bytes_ = 0;  // still to be read of latched_count_
  uint8_t latched_status_ = 0;
  bool status_latched_ = false;
};

}  // namespace ringside::hw
