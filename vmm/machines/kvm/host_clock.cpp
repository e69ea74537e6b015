// Host time and the timers on it.
#include "vmm/machines/kvm/host_clock.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace ringside::vmm {

Cycles HostClock::at(std::chrono::steady_clock::time_point point) const {
  if (point <= start_) return Cycles(0);
  if (point == std::chrono::steady_clock::time_point::max()) return Cycles(~0ull);
  return Cycles(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(point - start_).count()));
}

Cycles HostClock::now() const { return at(std::chrono::steady_clock::now()); }

HostClock::Timer HostClock::add_timer(std::function<void()> callback) {
  slots_.push_back({.callback = std::move(callback), .deadline = std::nullopt});
  return static_cast<Timer>(slots_.size() - 1);
}

void HostClock::arm(Timer timer, Cycles when) {
  assert(timer < slots_.size());
  slots_[timer].deadline = when;
}

void HostClock::disarm(Timer timer) {
  assert(timer < slots_.size());
  slots_[timer].deadline.reset();
}

std::optional<Cycles> HostClock::next_deadline() const {
  std::optional<Cycles> next;
  for (const Slot& slot : slots_)
    if (slot.deadline) next = next ? std::min(*next, *slot.deadline) : *slot.deadline;
  return next;
}

void HostClock::fire_due() {
  if (slots_.empty()) return;
  const Cycles time = now();
  for (size_t i = 0; i < slots_.size(); ++i) {  // by index: a callback may add timers
    if (!slots_[i].deadline || *slots_[i].deadline > time) continue;
    slots_[i].deadline.reset();
    const std::function<void()> callback = slots_[i].callback;
    callback();
  }
}

}  // namespace ringside::vmm
