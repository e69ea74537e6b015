// The process table and its scheduler. Each process has a kernel stack; switching processes is switching stacks, in
// context_switch. With nobody ready, the idle loop (on the boot stack) waits for an interrupt.
#include "process.h"

#include "../abi.h"
#include "console.h"
#include "memory.h"
#include "ops.h"
#include "timer.h"

enum { kProcesses = 8 };
static struct process processes[kProcesses];
static virt_t idle_sp;  // the boot stack, while a process runs
static int64_t next_pid = 1;
struct process *current;

static virt_t stack_top(const struct process *p) { return p->kernel_stack + kPageSize; }

// --- creation ---------------------------------------------------------------------------------------------------------------

static void process_reap(struct process *p) {
  frame_release(p->kernel_stack);
  p->parent = 0;
  p->state = kUnused;
}

static struct process *process_alloc(void) {
  for (unsigned i = 0; i < kProcesses; i++) {
    struct process *p = &processes[i];
    if (p->state == kEnded && !p->parent) process_reap(p);  // an orphan: nobody will ask for its status
    if (p->state != kUnused) continue;
    p->kernel_stack = frame_alloc();
    if (!p->kernel_stack) return 0;
    p->parent = current;
    return p;
  }
  return 0;
}

// Lays out the kernel stack as if the process had trapped with `frame` and then been switched away from: the first
// context_switch to it pops six zeroes and "returns" to return_to_user.
static void process_start(struct process *p, const struct frame *frame) {
  struct frame *top = (struct frame *)stack_top(p) - 1;
  *top = *frame;
  uint64_t *sp = (uint64_t *)top;
  *--sp = (uint64_t)return_to_user;
  for (unsigned i = 0; i < 6; i++) *--sp = 0;
  p->kernel_sp = (virt_t)sp;
  p->pid = next_pid++;
  p->state = kReady;
}

int64_t process_fork(const struct frame *frame) {
  struct process *child = process_alloc();
  if (!child) return kErrorMemory;
  if (!space_clone(&child->space, &current->space)) {
    frame_release(child->kernel_stack);
    return kErrorMemory;
  }
  process_start(child, frame);
  ((struct frame *)stack_top(child) - 1)->rax = 0;  // fork returns 0 in the child
  return child->pid;
}

// --- switching --------------------------------------------------------------------------------------------------------------

static struct process *next_ready(void) {
  const unsigned start = current ? (unsigned)(current - processes) + 1 : 0;
  for (unsigned i = 0; i < kProcesses; i++) {
    struct process *p = &processes[(start + i) % kProcesses];
    if (p->state == kReady) return p;
  }
  return 0;
}

static void switch_to(struct process *to) {
  if (to == current) return;
  virt_t *save = current ? &current->kernel_sp : &idle_sp;
  current = to;
  if (to) {
    ops.set_kernel_stack(stack_top(to));
    space_load(&to->space);
    context_switch(save, to->kernel_sp);
  } else {
    space_load(&kernel_space);
    context_switch(save, idle_sp);
  }
}

bool process_yield(void) {
  struct process *next = next_ready();
  if (next && next == current) return false;
  switch_to(next);
  return true;
}

static bool any_alive(void) {
  for (unsigned i = 0; i < kProcesses; i++)
    if (processes[i].state != kUnused && processes[i].state != kEnded) return true;
  return false;
}

int64_t process_run_first(virt_t entry, uint64_t argument0, uint64_t argument1) {
  struct process *first = process_alloc();
  if (!first || !space_create(&first->space)) panic("no memory for the first process");
  const struct frame frame = {.rip = entry, .cs = kUserCs, .rflags = 1 << 9 | 1 << 1, .rsp = USER_STACK_END - 8, .ss = kUserSs,
                              .rdi = argument0, .rsi = argument1};
  process_start(first, &frame);
  while (any_alive()) {
    struct process *ready = next_ready();
    if (ready) switch_to(ready);
    else ops.idle();
  }
  return first->status;
}

// --- ends and waits ---------------------------------------------------------------------------------------------------------

// The space goes now; the kernel stack, on which this runs, when the parent collects the status.
void process_exit(int64_t status) {
  struct process *self = current;
  self->status = status;
  self->state = kEnded;
  for (unsigned i = 0; i < kProcesses; i++)
    if (processes[i].parent == self) processes[i].parent = 0;
  if (self->parent && self->parent->state == kWaiting) self->parent->state = kReady;
  space_load(&kernel_space);
  space_destroy(&self->space);
  process_yield();
  panic("an ended process runs");
}

// A child of the running process: an ended one if there is one, else any, else null.
static struct process *find_child(void) {
  struct process *found = 0;
  for (unsigned i = 0; i < kProcesses; i++) {
    struct process *p = &processes[i];
    if (p->state == kUnused || p->parent != current) continue;
    if (p->state == kEnded) return p;
    found = p;
  }
  return found;
}

int64_t process_wait(void) {
  for (;;) {
    struct process *child = find_child();
    if (!child) return kErrorChild;
    if (child->state == kEnded) {
      process_reap(child);
      return child->status;
    }
    current->state = kWaiting;
    process_yield();
  }
}

void process_sleep(uint64_t ticks) {
  current->wake_tick = timer_ticks() + ticks;
  while (timer_ticks() < current->wake_tick) {
    current->state = kSleeping;
    process_yield();
  }
}

void process_wake_sleepers(uint64_t tick) {
  for (unsigned i = 0; i < kProcesses; i++)
    if (processes[i].state == kSleeping && processes[i].wake_tick <= tick) processes[i].state = kReady;
}
