// The table of workloads, and those that run in the kernel: the privileged nanobenchmarks of Adams and Agesen (ASPLOS 2006,
// section 6.3: syscall, in, cr8wr, call/ret, pgfault, divzero, ptemod). User-mode ones are in user/workloads.c.
#include "../abi.h"
#include "command_line.h"
#include "console.h"
#include "memory.h"
#include "ops.h"
#include "paging.h"
#include "ports.h"
#include "trap.h"
#include "../user/user.h"
#include "workload.h"

// IN from a port nobody answers (0x80, the POST code port).
static void in(uint64_t count) {
  uint8_t all = 0xff;
  for (uint64_t i = 0; i < count; i++) all &= ops.port_in(kPortPost);
  (void)all;
}

// Writes the task priority.
static void cr8wr(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) ops.write_task_priority(0);
}

static void __attribute__((noinline)) callee(void) { __asm__ volatile(""); }

// Calls and returns, which a binary translator must look up.
static void callret(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) callee();
}

// A divide error in the kernel, taken and skipped.
static void divzero(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint64_t resume;
    __asm__ volatile("lea 1f(%%rip), %0" : "=r"(resume));
    trap_expect(resume);
    __asm__ volatile("xor %%ecx, %%ecx; div %%ecx; 1:" : : "a"(1), "d"(0) : "rcx", "cc");
  }
}

// Changes a page-table entry of a mapped page back and forth and drops its translation.
static void ptemod(uint64_t count) {
  extern uint8_t kernel_data[];
  const virt_t page = (virt_t)kernel_data;
  pte_t *entry = space_entry(&kernel_space, page);
  const pte_t value = *entry;
  for (uint64_t i = 0; i < count; i++) {
    ops.lazy_begin();
    ops.set_pte(entry, i & 1 ? value : value ^ PTE_COW);  // a bit the CPU ignores
    ops.flush_page(page);
    ops.lazy_end();
  }
  ops.set_pte(entry, value);
}

// Pages of a pattern written to the disk and read back; the sum of what came back is printed, so every machine must agree on it.
static void block(uint64_t count) {
  const uint64_t pages = ops.block_pages();
  const phys_t out = frame_alloc(), in = frame_alloc();
  if (!pages || !out || !in) return print("block: no disk\n");
  uint64_t sum = 0, failures = 0;
  for (uint64_t i = 0; i < count; i++) {
    for (unsigned word = 0; word < kPageSize / 8; word++) ((uint64_t *)out)[word] = i * 0x9e3779b97f4a7c15 + word;
    failures += !ops.block_transfer(kBlockWrite, i * 7 % pages, out);
    failures += !ops.block_transfer(kBlockRead, i * 7 % pages, in);
    for (unsigned word = 0; word < kPageSize / 8; word++) sum += ((uint64_t *)in)[word];
  }
  failures += ops.block_transfer(kBlockRead, pages, in);  // behind the end: must fail
  print("block: sum %lx, %lu failures\n", sum, failures);
}

// Nothing: boots, says so, ends. The base line of all others.
static void hello(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) print("hello from ring 0\n");
}

static const struct workload workloads[] = {
    {"demo", 0, user_demo, 0, 1},  // first: the default
    {"hello", hello, 0, 0, 1},
    {"in", in, 0, 0, 100},
    {"cr8wr", cr8wr, 0, 0, 100},
    {"callret", callret, 0, 0, 1000},
    {"divzero", divzero, 0, 0, 100},
    {"ptemod", ptemod, 0, 0, 100},
    {"block", block, 0, 0, 20},
    {"syscall", 0, user_workload, kUserSyscall, 100},
    {"int80", 0, user_workload, kUserInt80, 100},
    {"pgfault", 0, user_workload, kUserPgfault, 100},
    {"forkwait", 0, user_workload, kUserForkwait, 10},
    {"ctxswitch", 0, user_workload, kUserCtxswitch, 50},
    {"timer", 0, user_workload, kUserTimer, 5},
    {"console", 0, user_workload, kUserConsole, 10},
    {"compute", 0, user_workload, kUserCompute, 100000},
    {"tlb", 0, user_workload, kUserTlb, 10000},
};

const struct workload *workload_find(struct command_line line) {
  const struct workload *end = workloads + sizeof workloads / sizeof *workloads;
  for (const struct workload *w = workloads; w < end; w++)
    if (option_is(line, "workload", w->name)) return w;
  return option_given(line, "workload") ? 0 : workloads;
}
