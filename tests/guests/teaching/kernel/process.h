// Processes: a fixed table, a round-robin scheduler, fork and wait. One CPU; the kernel itself is never preempted.
#pragma once

#include "paging.h"
#include "types.h"

enum process_state { kUnused, kReady, kSleeping, kWaiting, kEnded };

struct process {
  enum process_state state;
  int64_t pid;
  int64_t status;
  struct process *parent;
  uint64_t wake_tick;
  struct address_space space;
  phys_t kernel_stack;  // one frame; a trap from user mode starts at its end
  virt_t kernel_sp;     // of a process that is not running
};

// The running process; null while the kernel is idle.
extern struct process *current;

// Creates the first process at user address `entry` with two arguments, and runs until no process is left. Its status.
int64_t process_run_first(virt_t entry, uint64_t argument0, uint64_t argument1);

int64_t process_fork(const struct frame *frame);                  // pid of the child, or an error of abi.h
void process_exit(int64_t status) __attribute__((noreturn));
int64_t process_wait(void);                                       // status of an ended child, or kErrorChild
void process_sleep(uint64_t ticks);
bool process_yield(void);                                         // back when it is our turn again; did another run?
void process_wake_sleepers(uint64_t tick);
