// Lets the virtual PC's clock follow the host's, for a processor below that runs in real time (machines/kvm/ring) and whose instructions nobody
// counts. What the guest, the monitor and the virtual processor take is then the time it took; a halted guest waits as long as its timer says.
// The virtual clock never runs ahead on purpose and never goes back. Owned by DeprivilegedVcpu; wake() may be called from anywhere.
#pragma once

#include <atomic>
#include <chrono>

#include "hwmodel/machine/machine.h"

namespace ringside::vmm {

class HostPace {
 public:
  using SteadyClock = std::chrono::steady_clock;

  // From now on.
  explicit HostPace(hw::Machine& machine) : machine_(machine), start_(SteadyClock::now() - std::chrono::nanoseconds(machine.now().value)) {}

  // Brings the machine's time up to the host's; timers that have become due fire.
  void follow();
  // Waits for `when` of the machine's clock. False: it was woken, or `wall` came first. The machine's time does not move.
  bool sleep_until(Cycles when, SteadyClock::time_point wall);
  void wake() noexcept { woken_.store(true); }

 private:
  hw::Machine& machine_;
  SteadyClock::time_point start_;  // when the machine's clock was 0
  std::atomic<bool> woken_{false};
};

}  // namespace ringside::vmm
