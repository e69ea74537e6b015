// A TimerQueue whose time is moved by hand, stopping at every deadline on the way. For tests and fuzz targets.
#pragma once

#include "hwmodel/platform/timer_queue.h"

namespace ringside::hw {

class ManualClock {
 public:
  Cycles now() const { return now_; }
  void advance_to(Cycles target) {
    while (queue.next_deadline() <= target) {
      if (queue.next_deadline() > now_)
        now_ = queue.next_deadline();
      else
        now_ += 1;  // overdue: time moves on as it would in a run loop
      queue.run_due(now_);
    }
    if (target > now_) now_ = target;
  }
  void advance(uint64_t cycles) { advance_to(now_ + cycles); }
  // Moves time without looking at deadlines, as a run loop that comes late.
  void jump(uint64_t cycles) { now_ += cycles; }

 private:
  Cycles now_;

 public:
  TimerQueue queue{[this] { return now_; }};
};

}  // namespace ringside::hw
