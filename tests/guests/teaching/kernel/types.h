// The few types and bit names the whole kernel uses. No code.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t phys_t;  // address on the memory bus
typedef uint64_t virt_t;  // linear address
typedef uint64_t pte_t;   // an entry of a page table of any level

enum { kPageSize = 4096, kPageMask = kPageSize - 1 };

// A page-table entry [SDM 3A 4.5 "4-Level Paging and 5-Level Paging"], the same layout at all four levels:
//   63  62..52   51..12          11..10   9    8   7    6  5  4   3   2  1   0
//   NX  ignored  frame address   ignored  COW  G   PS   D  A  PCD PWT US RW  P
// Bit 9 is free for the operating system: here it means "write-protected only because it is shared since a fork".
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_LARGE (1ull << 7)
#define PTE_COW (1ull << 9)
#define PTE_NX (1ull << 63)
#define PTE_FRAME 0x000ffffffffff000ull

// Error code of a page fault [SDM 3A 4.7 "Page-Fault Exceptions"].
enum { kFaultPresent = 1, kFaultWrite = 2, kFaultUser = 4, kFaultFetch = 16 };

enum { kVectorUd = 6, kVectorDf = 8, kVectorGp = 13, kVectorPf = 14, kVectorIrq0 = 32, kVectorSyscall = 0x80, kVectorSyscallInsn = 0x100 };

// Selectors. Their order is fixed by SYSCALL (kernel CS, then SS) and SYSRET (user SS, then CS)
// [SDM 2B 4.3 "SYSRET"].
enum { kKernelCs = 0x08, kKernelSs = 0x10, kUserSs = 0x18 | 3, kUserCs = 0x20 | 3, kTssSelector = 0x28 };

// The registers of an interrupted program as entry code leaves them on the kernel stack: general registers pushed by
// software, the rest by the CPU [SDM 3A 6.14.2 "64-Bit Mode Stack Frame"]. entry_native.S builds it in this order.
struct frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error;
  uint64_t rip, cs, rflags, rsp, ss;
};

static inline bool from_user(const struct frame *f) { return (f->cs & 3) == 3; }
