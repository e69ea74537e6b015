// What user programs and the kernel agree on: system calls, the layout of a process, the clock page. Included by both.
//
// A call has its number in rax and arguments in rdi, rsi, rdx; the result comes back in rax, negative for failure. Both ways
// in, SYSCALL and INT 0x80, take the same registers; SYSCALL destroys rcx and r11 as the CPU does.
#pragma once

enum {
  kSysExit,      // (status) does not return
  kSysWrite,     // (text, length): bytes written, or kErrorFault
  kSysGetpid,    // (): pid
  kSysYield,     // (): 0, after the others had their turn
  kSysSleep,     // (ticks): 0, at least that many timer ticks later
  kSysFork,      // (): child's pid in the parent, 0 in the child
  kSysWait,      // (): status of a child that has ended, or kErrorChild when there is none
  kSysMarker,    // (value): 0, the value written to the marker port
  kSysInfo,      // (which): one of the numbers below
  kSysPreempt,   // (on): 0; whether a timer tick may take the CPU from a running process
  kSysUnmap,     // (first, bytes): 0; forgets pages, the next touch finds zeroes again
  kSysCount
};

enum { kErrorFault = -14, kErrorChild = -10, kErrorNumber = -38, kErrorMemory = -12 };

enum { kInfoDemandFaults, kInfoCowCopies, kInfoPreemptions };

enum { kMarkerBegin = 1, kMarkerEnd = 2 };

// A process, from low to high; 0x40000000 is the second GiB, the first belongs to the kernel.
#define USER_START 0x40000000ull
#define USER_HEAP 0x40080000ull        // 128 pages, zero-filled on first touch
#define USER_HEAP_END 0x40100000ull
#define USER_CLOCK 0x40100000ull       // the clock page, read-only
#define USER_STACK 0x401f0000ull       // 16 pages, grows down from the end
#define USER_STACK_END 0x40200000ull
#define USER_ARENA 0x40400000ull       // 8 MiB for the memory workloads
#define USER_ARENA_END 0x40c00000ull
#define USER_END 0x80000000ull

struct clock_page {
  unsigned long ticks;  // since the timer was started
};
