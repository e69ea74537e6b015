#include "hwmodel/platform/pit_channel.h"

namespace ringside::hw {
namespace {

constexpr uint8_t kStatusOutput = 0x80, kStatusNullCount = 0x40;

uint16_t to_bcd(uint64_t value) {
  return static_cast<uint16_t>(value % 10 | (value / 10 % 10) << 4 | (value / 100 % 10) << 8 |
                               (value / 1000 % 10) << 12);
}

uint64_t from_bcd(uint16_t value) {
  return (value & 0xf) + (value >> 4 & 0xf) * uint64_t{10} + (value >> 8 & 0xf) * uint64_t{100} +
         (value >> 12) * uint64_t{1000};
}

}  // namespace

void PitChannel::write_control(uint8_t control, uint64_t tick) {
  const uint8_t access = (control >> 4) & 3;
  if (access == 0) return latch_count(tick);
  access_ = static_cast<Access>(access);
  mode_ = (control >> 1) & 7;
  if (mode_ > 5) mode_ -= 4;  // 6 and 7 are 2 and 3
  bcd_ = control & 1;
  counting_ = loaded_ = false;
  next_period_ = paused_ = 0;
  high_byte_next_ = read_high_next_ = false;
  latched_bytes_ = 0;
  status_latched_ = false;
}

void PitChannel::write_data(uint8_t value, uint64_t tick) {
  switch (access_) {
    case Access::kLow:
      return load(value, tick);
    case Access::kHigh:
      return load(static_cast<uint16_t>(value << 8), tick);
    case Access::kLowThenHigh:
      break;
  }
  high_byte_next_ = !high_byte_next_;
  if (!high_byte_next_) return load(static_cast<uint16_t>(value << 8 | low_byte_), tick);
  low_byte_ = value;
  // The first byte of a new count stops mode 0 [8254 "Mode 0"].
  if (mode_ == 0) counting_ = false;
}

// The count reaches the counter at the tick after the write; 0 stands for the modulus.
void PitChannel::load(uint16_t raw, uint64_t tick) {
  settle(tick);
  uint64_t period = (bcd_ ? from_bcd(raw) : raw) % modulus();
  if (period == 0) period = modulus();
  // MODEL: a count of 1 is illegal in modes 2 and 3; it counts as 2, the shortest period there is.
  if (periodic() && period == 1) period = 2;
  loaded_ = true;
  if (periodic() && counting_ && gate_) {  // the running period ends as it began
    change_ = start_ + (elapsed(tick) / period_ + 1) * period_;
    next_period_ = period;
    return;
  }
  // A running one-shot of modes 1 and 5 keeps its count; the new one waits for the next trigger.
  if (triggered() && counting_) {
    next_period_ = period;
    return;
  }
  period_ = period;
  paused_ = 0;
  if (!triggered()) start(tick + 1);
}

void PitChannel::start(uint64_t tick) {
  start_ = tick;
  paused_ = 0;
  counting_ = true;
}

void PitChannel::settle(uint64_t tick) {
  if (!next_period_ || !periodic() || tick < change_) return;
  start_ = change_;
  period_ = next_period_;
  next_period_ = 0;
}

uint64_t PitChannel::elapsed(uint64_t tick) const {
  if (!gate_ && !triggered()) return paused_;
  return tick > start_ ? tick - start_ : 0;
}

// Gate [8254 figure 17]: low stops modes 0, 2, 3, 4; a rise starts modes 2 and 3 anew and triggers modes 1 and 5.
void PitChannel::set_gate(bool gate, uint64_t tick) {
  settle(tick);
  if (gate == gate_) return;
  if (!gate) {
    paused_ = elapsed(tick);
    gate_ = false;
    return;
  }
  gate_ = true;
  if (!loaded_) return;
  if (next_period_) {
    period_ = next_period_;
    next_period_ = 0;
  }
  if (triggered() || periodic())
    start(tick + 1);
  else if (counting_)
    start_ = tick - (paused_ < tick ? paused_ : tick);
}

bool PitChannel::output(uint64_t tick) const {
  if (periodic() && next_period_ && tick >= change_) {
    PitChannel later = *this;
    later.settle(tick);
    return later.output(tick);
  }
  if (!counting_) return mode_ != 0;
  const uint64_t e = elapsed(tick);
  switch (mode_) {
    case 0:
      return e >= period_;
    case 1:
      return tick < start_ || e >= period_;
    case 2:
      return !gate_ || e % period_ != period_ - 1;
    case 3:
      return !gate_ || e % period_ < high_ticks();
    default:
      return e != period_;  // the strobe of modes 4 and 5 is one tick long
  }
}

uint64_t PitChannel::next_rise(uint64_t tick) const {
  if (!counting_ || (!gate_ && !triggered())) return kNever;
  if (periodic()) {
    if (next_period_ && tick >= change_) {
      PitChannel later = *this;
      later.settle(tick);
      return later.next_rise(tick);
    }
    return tick < start_ ? start_ + period_ : start_ + ((tick - start_) / period_ + 1) * period_;
  }
  const uint64_t rise = start_ + period_ + (mode_ >= 4 ? 1 : 0);
  return rise > tick ? rise : kNever;
}

// What the counting element holds. It goes on below zero in the modes that do not reload.
uint16_t PitChannel::count(uint64_t tick) const {
  const uint64_t e = counting_ ? elapsed(tick) : 0;
  uint64_t value;
  if (mode_ == 2) {
    value = period_ - e % period_;
  } else if (mode_ == 3) {  // by two, twice a period
    const uint64_t phase = e % period_;
    const uint64_t into_half = phase < high_ticks() ? phase : phase - high_ticks();
    value = (period_ & ~uint64_t{1}) - 2 * into_half;
    if (static_cast<int64_t>(value) <= 0) value = period_ & ~uint64_t{1};  // the extra high tick of an odd count
  } else {
    value = (period_ + modulus() - e % modulus()) % modulus();
  }
  value %= modulus();
  return bcd_ ? to_bcd(value) : static_cast<uint16_t>(value);
}

void PitChannel::latch_count(uint64_t tick) {
  settle(tick);
  if (latched_bytes_) return;  // a second latch before the first was read is ignored
  latched_count_ = count(tick);
  latched_bytes_ = access_ == Access::kLowThenHigh ? 2 : 1;
}

// Status [8254 figure 11]: 7 output | 6 null count: what was written has not reached the counter | 5:4 access | 3:1
// mode | 0 BCD.
void PitChannel::latch_status(uint64_t tick) {
  settle(tick);
  if (status_latched_) return;
  const bool null_count = !loaded_ || next_period_ || (counting_ && tick < start_) || (triggered() && !counting_);
  latched_status_ = static_cast<uint8_t>((output(tick) ? kStatusOutput : 0) | (null_count ? kStatusNullCount : 0) |
                                         static_cast<uint8_t>(access_) << 4 | mode_ << 1 | (bcd_ ? 1 : 0));
  status_latched_ = true;
}

uint8_t PitChannel::read_data(uint64_t tick) {
  settle(tick);
  if (status_latched_) {
    status_latched_ = false;
    return latched_status_;
  }
  const uint16_t value = latched_bytes_ ? latched_count_ : count(tick);
  bool high = access_ == Access::kHigh;
  if (access_ == Access::kLowThenHigh) {
    high = read_high_next_;
    read_high_next_ = !read_high_next_;
  }
  if (latched_bytes_) --latched_bytes_;
  return static_cast<uint8_t>(high ? value >> 8 : value);
}

}  // namespace ringside::hw
