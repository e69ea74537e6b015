// Asking a run to stop from outside: a flag the run loop looks at, and Ctrl-C (SIGINT) or SIGTERM as a way to set it. The first
// signal stops the run gracefully, so that the trace is closed; the second kills the program as usual. Called by the runner.
#pragma once

#include <atomic>
#include <csignal>

#include "vmm/core/vcpu.h"

namespace ringside::sim {

class StopRequest {
 public:
  // `vcpu` is told to come out of the guest and must outlive this object.
  explicit StopRequest(vmm::Vcpu& vcpu) : vcpu_(vcpu) {}
  // From any thread and from signal handlers.
  void raise() noexcept {
    flag_.store(true);
    vcpu_.interrupt();
  }
  const std::atomic<bool>& flag() const { return flag_; }

 private:
  std::atomic<bool> flag_{false};
  vmm::Vcpu& vcpu_;
};

// While it lives, the signals raise `request`. Signals belong to the process, so at most one exists at a time.
class StopOnSignals {
 public:
  explicit StopOnSignals(StopRequest& request);
  ~StopOnSignals();  // restores the handlers found before
  StopOnSignals(const StopOnSignals&) = delete;

 private:
  struct sigaction old_int_{}, old_term_{};
};

}  // namespace ringside::sim
