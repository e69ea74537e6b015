#include "hwmodel/platform/pit.h"

#include "hwmodel/platform/frequencies.h"

namespace ringside::hw {
namespace {

constexpr unsigned kControlOffset = 3, kReadBackChannel = 3, kSpeakerChannel = 2;
// Read-back command [8254 figure 10]: 5 do not latch the count | 4 do not latch the status | 3:1 counters 2, 1, 0.
constexpr uint8_t kKeepCount = 0x20, kKeepStatus = 0x10;
constexpr uint8_t kGate2 = 0x01, kControlBKept = 0x0f, kRefreshToggle = 0x10, kOutput2 = 0x20;
// The refresh toggle changes with every request of counter 1 as a BIOS programs it: 18 ticks, 15 us.
constexpr uint64_t kRefreshTicks = 18;

static_assert(kClockHz / kPitHz * 2 > kShortestTimerPeriod,
              "the shortest period, 2 ticks, respects kShortestTimerPeriod");

}  // namespace

Pit::Pit(Clock& clock, IrqLine timer_line)
    : clock_(clock), line_(std::move(timer_line)), timer_(clock.add_timer([this] { timer_due(); })) {
  channels_[kSpeakerChannel].set_gate(false, 0);
}

uint64_t Pit::tick() const { return ticks_at(clock_.now(), kPitHz); }

// MODEL: only rises of counter 0's output are timer events. The interrupt line falls just before it rises again, so a
// request is not withdrawn by the low half of mode 3's square wave, as it would be in hardware if the guest kept
// interrupts off for that long.
void Pit::timer_due() {
  const uint64_t now = tick();
  if (now < due_) return arm(now);
  if (level_) line_(false);
  level_ = true;
  line_(true);
  arm(now);
}

void Pit::arm(uint64_t now) {
  due_ = channels_[0].next_rise(now);
  if (due_ == PitChannel::kNever)
    clock_.disarm(timer_);
  else
    clock_.arm(timer_, time_of_tick(due_, kPitHz));
}

// After the guest reprogrammed counter 0. The line stays high through the low pulses that are no events.
void Pit::update_line(uint64_t now) {
  const bool level = channels_[0].output(now);
  if (level != level_) {
    level_ = level;
    line_(level);
  }
  arm(now);
}

uint8_t Pit::read(unsigned offset) { return offset < kControlOffset ? channels_[offset].read_data(tick()) : 0xff; }

void Pit::write(unsigned offset, uint8_t value) {
  const uint64_t now = tick();
  if (offset < kControlOffset) {
    channels_[offset].write_data(value, now);
    if (offset == 0) update_line(now);
    return;
  }
  const unsigned channel = value >> 6;
  if (channel == kReadBackChannel) return read_back(value);
  channels_[channel].write_control(value, now);
  const bool only_latched = (value & 0x30) == 0;
  if (channel == 0 && !only_latched) update_line(now);
}

void Pit::read_back(uint8_t command) {
  const uint64_t now = tick();
  for (unsigned i = 0; i < channels_.size(); ++i) {
    if (!(command & (2u << i))) continue;
    if (!(command & kKeepCount)) channels_[i].latch_count(now);
    if (!(command & kKeepStatus)) channels_[i].latch_status(now);
  }
}

uint8_t Pit::read_control_b() {
  const uint64_t now = tick();
  const bool refresh = (now / kRefreshTicks) & 1;
  return static_cast<uint8_t>(control_b_ | (refresh ? kRefreshToggle : 0) |
                              (channels_[kSpeakerChannel].output(now) ? kOutput2 : 0));
}

void Pit::write_control_b(uint8_t value) {
  control_b_ = value & kControlBKept;
  channels_[kSpeakerChannel].set_gate(value & kGate2, tick());
}

}  // namespace ringside::hw
