// Some hosts' KVM runs user code natively but interprets the rest, and falls short of two instructions (seen on a host where
// kernel code is interpreted at 1 MIPS):
//   INT 0x80 from user mode raises #UD at the instruction;
//   SYSCALL loads rip, rcx and r11 but leaves CPL at 3, so the fetch at the entry point is a page fault.
// Both leave enough behind to carry on, so the same programs run there too, with the same output.
#include "quirks.h"

#include "ops.h"
#include "process.h"

extern void native_syscall_entry(void);

static uint8_t user_byte(virt_t address) {
  const phys_t frame = space_readable_frame(&current->space, address);
  return frame ? *(const uint8_t *)(frame + (address & kPageMask)) : 0;
}

void quirk_repair_entry(struct frame *frame) {
  if (frame->vector == kVectorUd && user_byte(frame->rip) == 0xcd && user_byte(frame->rip + 1) == 0x80) {
    frame->vector = kVectorSyscall;
    frame->rip += 2;
  } else if (frame->vector == kVectorPf && frame->rip == (virt_t)native_syscall_entry) {
    frame->vector = kVectorSyscallInsn;
    frame->rip = frame->rcx;     // where SYSCALL saved them [SDM 2B 4.3 "SYSCALL"]
    frame->rflags = frame->r11;
  }
}
