// The Clock of a machine whose run loop asks for the next deadline and calls back when it has passed. Deterministic:
// what is due fires in order of (deadline, order of arming). The run loop of the model owns one; so can kvm's, with the
// host's clock.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class TimerQueue final : public Clock {
 public:
  static constexpr Cycles kNever{std::numeric_limits<uint64_t>::max()};

  explicit TimerQueue(std::function<Cycles()> now) : now_(std::move(now)) {}

  // Called when the earliest deadline changed through arm() or disarm(), so that a run in progress can be cut shorter.
  std::function<void()> on_change;

  Cycles now() const override { return now_(); }
  Timer add_timer(std::function<void()> callback) override;
  // A deadline in the past is due at once: the next run_due fires it. arm(timer, kNever) disarms.
  void arm(Timer timer, Cycles when) override;
  void disarm(Timer timer) override { arm(timer, kNever); }

  Cycles next_deadline() const { return next_; }
  // Fires every timer whose deadline is not after `now`, each at most once: a callback that re-arms into the past is
  // due again in the next call, so a storm of timers cannot keep this from returning.
  void run_due(Cycles now);

 private:
  struct Slot {
    Cycles deadline = kNever;
    uint64_t sequence = 0;  // order of arming
    std::function<void()> callback;
  };
  void find_next();

  std::function<Cycles()> now_;
  std::vector<Slot> slots_;  // a PC has a dozen timers: a scan of this array beats a heap
  Cycles next_ = kNever;
  uint64_t next_sequence_ = 0;
  bool running_ = false;
};

}  // namespace ringside::hw
