// Dispatch of traps, and the policy for faults: page faults are resolved where the address space can, kernel faults that were
// announced are skipped, a user process that faults otherwise is ended, and the kernel itself gives up.
#include "trap.h"

#include "console.h"
#include "ops.h"
#include "process.h"
#include "syscall.h"
#include "timer.h"

static uint64_t demand_faults, cow_copies;
static uint64_t expected_resume;

uint64_t trap_demand_faults(void) { return demand_faults; }
uint64_t trap_cow_copies(void) { return cow_copies; }
void trap_expect(uint64_t resume) { expected_resume = resume; }

static const char *exception_name(uint64_t vector) {  // [SDM 3A table 6-1]
  static const char *const names[32] = {
      [0] = "divide error", [1] = "debug", [2] = "NMI", [3] = "breakpoint", [4] = "overflow", [5] = "bound range", [6] = "invalid opcode",
      [7] = "device not available", [8] = "double fault", [10] = "invalid TSS", [11] = "segment not present", [12] = "stack fault",
      [13] = "general protection", [14] = "page fault", [16] = "x87 error", [17] = "alignment check", [18] = "machine check",
      [19] = "SIMD error"};
  return vector < 32 && names[vector] ? names[vector] : "unknown vector";
}

static void report_page_fault(virt_t address, uint64_t error) {
  print("page fault at %lx (%s, %s)", address, error & kFaultFetch ? "fetch" : error & kFaultWrite ? "write" : "read",
        error & kFaultPresent ? "not allowed" : "not mapped");
}

static void end_process(const struct frame *frame, virt_t address) {
  print("kernel: process %ld ended: ", current->pid);
  if (frame->vector == kVectorPf) report_page_fault(address, frame->error);
  else print("%s, error code %lu", exception_name(frame->vector), frame->error);
  print("\n");
  process_exit(-(int64_t)frame->vector);
}

static void exception(struct frame *frame) {
  const virt_t address = frame->vector == kVectorPf ? ops.fault_address() : 0;
  if (frame->vector == kVectorPf && from_user(frame)) {
    switch (space_fault(&current->space, address, frame->error)) {
      case kFaultFilled: demand_faults++; return;
      case kFaultCopied: cow_copies++; return;
      case kFaultNoMemory: print("kernel: no memory left\n"); break;
      case kFaultDenied: break;
    }
  }
  if (from_user(frame)) end_process(frame, address);
  if (expected_resume) {
    frame->rip = expected_resume;
    expected_resume = 0;
    return;
  }
  panic("%s in the kernel: rip %lx, error code %lx, address %lx", exception_name(frame->vector), frame->rip, frame->error, address);
}

static void interrupt(struct frame *frame) {
  const unsigned irq = (unsigned)(frame->vector - kVectorIrq0);
  ops.acknowledge_irq(irq);  // before a switch: the next process may run for long
  if (irq == 0) timer_tick(from_user(frame));
}

void trap(struct frame *frame) {
  if (frame->vector < kVectorIrq0 && from_user(frame)) ops.repair_entry(frame);
  if (frame->vector == kVectorSyscall || frame->vector == kVectorSyscallInsn) frame->rax = (uint64_t)syscall(frame);
  else if (frame->vector >= kVectorIrq0) interrupt(frame);
  else exception(frame);
}
