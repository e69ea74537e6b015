#include "hwmodel/platform/timer_queue.h"

#include <algorithm>
#include <cassert>

namespace ringside::hw {

Clock::Timer TimerQueue::add_timer(std::function<void()> callback) {
  slots_.push_back({.deadline = kNever, .sequence = 0, .callback = std::move(callback)});
  return static_cast<Timer>(slots_.size() - 1);
}

void TimerQueue::find_next() {
  next_ = kNever;
  for (const Slot& slot : slots_) next_ = std::min(next_, slot.deadline);
}

void TimerQueue::arm(Timer timer, Cycles when) {
  assert(timer < slots_.size());
  Slot& slot = slots_[timer];
  const Cycles before = next_;
  const bool was_next = slot.deadline == next_;
  slot.deadline = when;
  slot.sequence = next_sequence_++;
  if (when <= next_)
    next_ = when;
  else if (was_next)
    find_next();
  if (next_ != before && !running_ && on_change) on_change();
}

void TimerQueue::run_due(Cycles now) {
  if (now < next_ || running_) return;
  const Cycles before = next_;
  running_ = true;
  const uint64_t end = next_sequence_;  // what callbacks arm comes after this, and waits for the next call
  for (;;) {
    Slot* due = nullptr;
    for (Slot& slot : slots_) {
      if (slot.deadline == kNever || slot.deadline > now || slot.sequence >= end) continue;
      if (!due || slot.deadline < due->deadline || (slot.deadline == due->deadline && slot.sequence < due->sequence))
        due = &slot;
    }
    if (!due) break;
    due->deadline = kNever;
    find_next();
    const auto callback = due->callback;  // a callback may add a timer, which moves the slots
    callback();
  }
  running_ = false;
  if (next_ != before && on_change) on_change();
}

}  // namespace ringside::hw
