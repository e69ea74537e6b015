#include "vmm/techniques/deprivileged/host_pace.h"

#include <algorithm>
#include <thread>

namespace ringside::vmm {

namespace {
// How long a wake() from a signal handler, which cannot notify, may go unseen.
constexpr std::chrono::milliseconds kNap{2};
}  // namespace

void HostPace::follow() {
  const auto host = static_cast<uint64_t>(std::chrono::nanoseconds(SteadyClock::now() - start_).count());
  const uint64_t guest = machine_.now().value;
  if (host > guest) machine_.cpu(0).time.add_extra(host - guest);
  machine_.clock().run_due(machine_.now());
}

bool HostPace::sleep_until(Cycles when, SteadyClock::time_point wall) {
  constexpr uint64_t kFar = 1ull << 60;
  const auto due = start_ + std::chrono::nanoseconds(std::min(when.value, kFar));
  for (;;) {
    if (woken_.exchange(false)) return false;
    const auto now = SteadyClock::now();
    if (now >= due) return true;
    if (now >= wall) return false;
    std::this_thread::sleep_until(std::min({due, wall, now + kNap}));
  }
}

}  // namespace ringside::vmm
