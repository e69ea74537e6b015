// The kvm machine's clock: the host's monotonic time in ns since the machine was made, and timers on it.
// Timers fire on the vCPU's thread: KvmVcpu::run bounds its entry by next_deadline() and calls fire_due().
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "hwmodel/platform/device.h"

namespace ringside::vmm {

class HostClock final : public hw::Clock {
 public:
  HostClock() : start_(std::chrono::steady_clock::now()) {}

  Cycles now() const override;
  Timer add_timer(std::function<void()> callback) override;
  void arm(Timer timer, Cycles when) override;
  void disarm(Timer timer) override;

  // The earliest armed deadline.
  std::optional<Cycles> next_deadline() const;
  // Runs the callbacks of all timers due; one re-armed in the past by its own callback fires at the next call.
  void fire_due();
  // This clock's reading at a point of the host's steady clock; saturates.
  Cycles at(std::chrono::steady_clock::time_point point) const;

 private:
  struct Slot {
    std::function<void()> callback;
    std::optional<Cycles> deadline;
  };
  std::chrono::steady_clock::time_point start_;
  std::vector<Slot> slots_;
};

}  // namespace ringside::vmm
