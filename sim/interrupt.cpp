#include "sim/interrupt.h"

#include <cassert>

namespace ringside::sim {
namespace {

// The one object signals reach: a handler gets no argument of ours.
std::atomic<StopRequest*> target{nullptr};
static_assert(std::atomic<StopRequest*>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  if (StopRequest* request = target.load()) request->raise();
}

}  // namespace

StopOnSignals::StopOnSignals(StopRequest& request) {
  assert(!target.load() && "one run at a time handles signals");
  target.store(&request);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal meets the default action
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

StopOnSignals::~StopOnSignals() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
  target.store(nullptr);
}

}  // namespace ringside::sim
