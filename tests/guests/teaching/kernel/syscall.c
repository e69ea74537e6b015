// The system calls. Arguments are hostile: user memory is only reached through space_readable_frame.
#include "syscall.h"

#include "../abi.h"
#include "ops.h"
#include "process.h"
#include "timer.h"
#include "trap.h"

static int64_t sys_exit(const struct frame *f) { process_exit((int64_t)f->rdi); }

static int64_t sys_write(const struct frame *f) {
  const virt_t start = f->rdi;
  const uint64_t length = f->rsi;
  for (uint64_t done = 0; done < length;) {
    const virt_t at = start + done;
    const phys_t frame = space_readable_frame(&current->space, at);
    if (!frame) return kErrorFault;
    uint64_t part = kPageSize - (at & kPageMask);
    if (part > length - done) part = length - done;
    ops.console_write((const char *)(frame + (at & kPageMask)), part);
    done += part;
  }
  return (int64_t)length;
}

static int64_t sys_getpid(const struct frame *f) {
  (void)f;
  return current->pid;
}

static int64_t sys_yield(const struct frame *f) {
  (void)f;
  process_yield();
  return 0;
}

static int64_t sys_sleep(const struct frame *f) {
  process_sleep(f->rdi);
  return 0;
}

static int64_t sys_fork(const struct frame *f) { return process_fork(f); }

static int64_t sys_wait(const struct frame *f) {
  (void)f;
  return process_wait();
}

static int64_t sys_marker(const struct frame *f) {
  ops.marker((uint32_t)f->rdi);
  return 0;
}

static int64_t sys_info(const struct frame *f) {
  switch (f->rdi) {
    case kInfoDemandFaults: return (int64_t)trap_demand_faults();
    case kInfoCowCopies: return (int64_t)trap_cow_copies();
    case kInfoPreemptions: return (int64_t)timer_preemptions();
  }
  return kErrorNumber;
}

static int64_t sys_preempt(const struct frame *f) {
  timer_set_preemption(f->rdi != 0);
  return 0;
}

static int64_t sys_unmap(const struct frame *f) {
  space_unmap(&current->space, f->rdi, f->rsi);
  return 0;
}

int64_t syscall(const struct frame *frame) {
  static int64_t (*const table[kSysCount])(const struct frame *) = {
      [kSysExit] = sys_exit,     [kSysWrite] = sys_write, [kSysGetpid] = sys_getpid, [kSysYield] = sys_yield,
      [kSysSleep] = sys_sleep,   [kSysFork] = sys_fork,   [kSysWait] = sys_wait,     [kSysMarker] = sys_marker,
      [kSysInfo] = sys_info,     [kSysPreempt] = sys_preempt, [kSysUnmap] = sys_unmap};
  return frame->rax < kSysCount ? table[frame->rax](frame) : kErrorNumber;
}
