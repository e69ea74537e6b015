// Everything that enters the kernel after boot arrives in trap(): exceptions, interrupts and system calls.
#pragma once

#include "types.h"

void trap(struct frame *frame);

// Numbers of what has happened so far (kSysInfo).
uint64_t trap_demand_faults(void);
uint64_t trap_cow_copies(void);

// Kernel code that means to fault sets the address to go on at; the next exception in the kernel uses it up.
void trap_expect(uint64_t resume);
