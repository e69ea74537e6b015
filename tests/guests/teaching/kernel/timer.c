// The tick. Ticks live in the clock page, which every process sees read-only: reading the time needs no system call.
// What is printed never depends on how long a tick takes; programs wait for a number of ticks.
#include "timer.h"

#include "../abi.h"
#include "ops.h"
#include "process.h"

static volatile struct clock_page *clock;
static bool preemption;
static uint64_t preemptions;

void timer_start(phys_t clock_frame, unsigned hz) {
  clock = (volatile struct clock_page *)clock_frame;
  clock->ticks = 0;
  ops.start_timer(hz);
}

uint64_t timer_ticks(void) { return clock->ticks; }
void timer_set_preemption(bool on) { preemption = on; }
uint64_t timer_preemptions(void) { return preemptions; }

void timer_tick(bool interrupted_user) {
  clock->ticks++;
  process_wake_sleepers(clock->ticks);
  if (!interrupted_user || !preemption) return;
  if (process_yield()) preemptions++;
}
