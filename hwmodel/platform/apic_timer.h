// The local APIC's timer: one-shot and periodic down-counting of the divided bus clock, and the TSC deadline. [SDM
// 3A 10.5.4] MODEL: the bus clock is guest time itself, 1 GHz (frequencies.h), and the TSC it compares with is the
// clock's; an offset between the two is the CPU's affair.
#pragma once

#include <cstdint>
#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class ApicTimer {
 public:
  enum class Mode : uint8_t { kOneShot, kPeriodic, kTscDeadline };
  ApicTimer(Clock& clock, std::function<void()> expired);

  void set_mode(Mode mode);
  Mode mode() const { return mode_; }
  void set_divide(uint32_t configuration);  // bits 3, 1:0
  uint32_t divide_configuration() const { return divide_configuration_; }
  void set_initial_count(uint32_t count);
  uint32_t initial_count() const { return initial_; }
  uint32_t current_count() const;
  void set_tsc_deadline(Cycles deadline);  // ignored in the other modes; 0 disarms
  Cycles tsc_deadline() const { return deadline_; }
  void reset();

 private:
  void due();
  void stop();
  void run_from(uint32_t count);
  uint64_t period() const;  // cycles from here to the next expiry

  Clock& clock_;
  std::function<void()> expired_;
  Clock::Timer timer_;
  Mode mode_ = Mode::kOneShot;
  uint32_t divide_configuration_ = 0;
  uint64_t divide_ = 2;
  uint32_t initial_ = 0;
  uint32_t from_ = 0;  // the count at `started_`
  Cycles started_;
  bool running_ = false;
  Cycles deadline_;  // 0: none
};

}  // namespace ringside::hw
