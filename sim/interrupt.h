// Ctrl-C (SIGINT) and SIGTERM during a run: the first stops the run gracefully, so that the trace is closed; the second kills
// the program as usual. Called by the runner. Signals belong to the process, so at most one Interrupt exists at a time.
#pragma once

#include <atomic>
#include <csignal>

#include "vmm/core/vcpu.h"

namespace ringside::sim {

class Interrupt {
 public:
  // Installs the handlers; `vcpu` is told to come out of the guest when the signal arrives and must outlive this object.
  explicit Interrupt(vmm::Vcpu& vcpu);
  ~Interrupt();  // restores the handlers found before
  Interrupt(const Interrupt&) = delete;

  const std::atomic<bool>& flag() const { return flag_; }
  // What the signal does, from anywhere (the console's reader is gone, a test).
  void raise() noexcept;

 private:
  static void on_signal(int);
  std::atomic<bool> flag_{false};
  vmm::Vcpu& vcpu_;
  struct sigaction old_int_{}, old_term_{};
};

}  // namespace ringside::sim
