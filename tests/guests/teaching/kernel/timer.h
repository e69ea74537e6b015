// The tick: a periodic interrupt that counts, wakes sleepers and, where allowed, takes the CPU from the running process.
#pragma once

#include "types.h"

void timer_start(phys_t clock_frame, unsigned hz);
uint64_t timer_ticks(void);

void timer_set_preemption(bool on);
uint64_t timer_preemptions(void);

// One tick arrived while user code (or the idle kernel) ran.
void timer_tick(bool interrupted_user);
