// A timer that forces the guest out: at its deadline a signal to the entering thread sets kvm_run.immediate_exit, so a KVM_RUN
// in progress returns EINTR and one about to start returns at once (no window in between).
// Owned by KvmVcpu; one per vCPU.
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include <chrono>
#include <optional>

#include "traces/base/result.h"

namespace ringside::vmm {

class EntryTimer {
 public:
  explicit EntryTimer(kvm_run* run) : run_(run) {}
  EntryTimer(const EntryTimer&) = delete;
  EntryTimer& operator=(const EntryTimer&) = delete;
  ~EntryTimer();

  // The signal used; its handler is installed process-wide by the first prepare().
  static int signal_number();
  // Binds the timer to the calling thread. Cheap when it already is.
  Result<void> prepare();
  // Fires at `when` or earlier: an earlier deadline still pending is kept (the caller looks at the time anyway).
  void arm_by(std::chrono::steady_clock::time_point when);
  // Interrupts the bound thread now. Safe in signal handlers and from other threads.
  void kick() noexcept;

 private:
  kvm_run* run_;
  pthread_t owner_{};  // the bound thread, as itself and by its kernel id
  pid_t thread_ = 0;
  std::optional<timer_t> timer_;
  std::chrono::steady_clock::time_point armed_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace ringside::vmm
