// POSIX timer with SIGEV_THREAD_ID; the address of the kvm_run travels in the signal's value, so no global is needed.
#include "vmm/machines/kvm/entry_timer.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vmm/machines/kvm/kvm_call.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace ringside::vmm {

namespace {

// Runs on the entering thread. A signal from kick() carries no address: kick() sets immediate_exit itself beforehand.
void on_signal(int, siginfo_t* info, void*) {
  if (info->si_code == SI_TIMER) static_cast<volatile kvm_run*>(info->si_value.sival_ptr)->immediate_exit = 1;
}

}  // namespace

int EntryTimer::signal_number() { return SIGRTMIN + 2; }

EntryTimer::~EntryTimer() {
  if (timer_) ::timer_delete(*timer_);
}

Result<void> EntryTimer::prepare() {
  if (thread_ && ::pthread_equal(owner_, ::pthread_self())) return success();
  const pid_t thread = static_cast<pid_t>(::syscall(SYS_gettid));
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;  // no SA_RESTART: KVM_RUN must return
  sigemptyset(&action.sa_mask);
  if (::sigaction(signal_number(), &action, nullptr) != 0) return kvm_failure("vmm.kvm.set-timer", errno);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number());
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);

  if (timer_) ::timer_delete(*timer_);
  timer_.reset();
  struct sigevent event {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal_number();
  event.sigev_value.sival_ptr = run_;
  event.sigev_notify_thread_id = thread;
  timer_t timer;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return kvm_failure("vmm.kvm.set-timer", errno);
  timer_ = timer;
  thread_ = thread;
  owner_ = ::pthread_self();
  armed_ = std::chrono::steady_clock::time_point::min();
  return success();
}

void EntryTimer::arm_by(std::chrono::steady_clock::time_point when) {
  const auto now = std::chrono::steady_clock::now();
  if (armed_ > now && armed_ <= when) return;
  armed_ = when;
  // steady_clock is CLOCK_MONOTONIC in libstdc++ and libc++. A zero it_value would disarm, so the past becomes 1 ns.
  const auto ns = std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
  const itimerspec spec{.it_interval = {}, .it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000}};
  ::timer_settime(*timer_, TIMER_ABSTIME, &spec, nullptr);
}

void EntryTimer::kick() noexcept {
  const_cast<volatile kvm_run*>(run_)->immediate_exit = 1;
  if (thread_) ::syscall(SYS_tgkill, ::getpid(), thread_, signal_number());
}

}  // namespace ringside::vmm
