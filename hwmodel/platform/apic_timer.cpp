#include "hwmodel/platform/apic_timer.h"

#include <algorithm>

#include "hwmodel/platform/frequencies.h"

namespace ringside::hw {

ApicTimer::ApicTimer(Clock& clock, std::function<void()> expired)
    : clock_(clock), expired_(std::move(expired)), timer_(clock.add_timer([this] { due(); })) {}

void ApicTimer::stop() {
  running_ = false;
  deadline_ = Cycles(0);
  clock_.disarm(timer_);
}

void ApicTimer::reset() {
  stop();
  mode_ = Mode::kOneShot;
  initial_ = from_ = 0;
  set_divide(0);
}

// Changing to or from the deadline mode disarms the timer; between one-shot and periodic it runs on [SDM 3A 10.5.4.1].
void ApicTimer::set_mode(Mode mode) {
  if (mode == mode_) return;
  if (mode == Mode::kTscDeadline || mode_ == Mode::kTscDeadline) {
    stop();
    initial_ = from_ = 0;
  }
  mode_ = mode;
}

// [SDM 3A figure 10-10]: 000 by 2, 001 by 4, ... 110 by 128, 111 by 1.
void ApicTimer::set_divide(uint32_t configuration) {
  const uint32_t left = current_count();
  divide_configuration_ = configuration & 0x0b;
  const unsigned power = (((configuration >> 1) & 4) | (configuration & 3)) + 1;
  divide_ = uint64_t{1} << (power & 7);
  if (running_) run_from(left);
}

uint64_t ApicTimer::period() const {
  const uint64_t cycles = uint64_t{from_} * divide_;
  return mode_ == Mode::kPeriodic ? std::max(cycles, kShortestTimerPeriod) : cycles;
}

void ApicTimer::run_from(uint32_t count) {
  from_ = count;
  started_ = clock_.now();
  running_ = true;
  clock_.arm(timer_, started_ + period());
}

void ApicTimer::set_initial_count(uint32_t count) {
  if (mode_ == Mode::kTscDeadline) return;
  initial_ = count;
  if (count) return run_from(count);
  from_ = 0;
  stop();
}

uint32_t ApicTimer::current_count() const {
  if (!running_) return 0;
  const uint64_t ticks = (clock_.now() - started_) / divide_;
  return ticks >= from_ ? 0 : static_cast<uint32_t>(from_ - ticks);
}

void ApicTimer::set_tsc_deadline(Cycles deadline) {
  if (mode_ != Mode::kTscDeadline) return;
  deadline_ = deadline;
  if (deadline.value == 0) return clock_.disarm(timer_);
  if (deadline > clock_.now()) return clock_.arm(timer_, deadline);
  due();  // a deadline that has passed interrupts at once
}

void ApicTimer::due() {
  if (mode_ == Mode::kTscDeadline) {
    if (deadline_.value == 0) return;
    stop();
    return expired_();
  }
  if (!running_) return;
  if (mode_ == Mode::kPeriodic) {
    // Whole periods that passed unseen are one request: the vector's bit in IRR could not have counted them either.
    started_ += period();
    from_ = initial_;
    const uint64_t late = clock_.now() > started_ ? clock_.now() - started_ : 0;
    started_ += late - late % period();
    clock_.arm(timer_, started_ + period());
  } else {
    running_ = false;
    from_ = 0;
  }
  expired_();
}

}  // namespace ringside::hw
