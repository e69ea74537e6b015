#include "sim/interrupt.h"

#include <cassert>

namespace ringside::sim {
namespace {

// The one object signals reach: a handler gets no argument of ours.
std::atomic<Interrupt*> current{nullptr};
static_assert(std::atomic<Interrupt*>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

}  // namespace

Interrupt::Interrupt(vmm::Vcpu& vcpu) : vcpu_(vcpu) {
  assert(!current.load() && "one run at a time handles signals");
  current.store(this);
  struct sigaction action {};
  action.sa_handler = &Interrupt::on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal meets the default action
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
  current.store(nullptr);
}

void Interrupt::raise() noexcept {
  flag_.store(true);
  vcpu_.interrupt();
}

void Interrupt::on_signal(int) {
  if (Interrupt* interrupt = current.load()) interrupt->raise();
}

}  // namespace ringside::sim
