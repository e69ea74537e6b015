// The workloads of user mode, each `count` repetitions of one thing between two markers.
#include "library.h"
#include "user.h"

enum { kArenaPages = 1024, kPage = 4096 };

static void syscalls(uint64_t count) {
  while (count--) getpid();
}

static void int80(uint64_t count) {
  while (count--) call_int80(kSysGetpid, 0, 0);
}

// First touches of pages; every 1024 the pages are given back.
static void pgfault(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t page = i % kArenaPages;
    if (i && page == 0) call(kSysUnmap, USER_ARENA, kArenaPages * kPage);
    *(volatile uint8_t *)(USER_ARENA + page * kPage) = 1;
  }
}

static void forkwait(uint64_t count) {
  while (count--) {
    if (fork() == 0) exit(0);
    wait();
  }
}

// Two processes hand the CPU to each other: two switches a round.
static void ctxswitch(uint64_t count) {
  const int64_t child = fork();
  for (uint64_t i = 0; i < count; i++) yield();
  if (child == 0) exit(0);
  wait();
}

static void timer(uint64_t count) {
  while (count--) sleep(1);
}

static void console(uint64_t count) {
  while (count--) say("a line of text, forty characters long..\n");
}

// Arithmetic in registers: a xorshift generator. The sum is printed, so every machine must agree on it.
static uint64_t compute(uint64_t count) {
  uint64_t x = 88172645463325252ull, sum = 0;
  while (count--) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    sum += x;
  }
  return sum;
}

// Loads from pages in an order no TLB likes. All pages are mapped before the measured part.
static uint64_t tlb(uint64_t count) {
  uint64_t sum = 0, page = 0;
  for (uint64_t i = 0; i < count; i++) {
    page = (page * 5 + 1) % kArenaPages;  // a full cycle: each page once in 1024
    sum += *(const volatile uint64_t *)(USER_ARENA + page * kPage);
  }
  return sum;
}

static void map_arena(void) {
  for (uint64_t page = 0; page < kArenaPages; page++) *(volatile uint64_t *)(USER_ARENA + page * kPage) = page;
}

void user_workload(uint64_t count, uint64_t which) {
  uint64_t sum = 0;
  if (which == kUserTlb) map_arena();
  marker(kMarkerBegin);
  switch ((enum user_workload)which) {
    case kUserSyscall: syscalls(count); break;
    case kUserInt80: int80(count); break;
    case kUserPgfault: pgfault(count); break;
    case kUserForkwait: forkwait(count); break;
    case kUserCtxswitch: ctxswitch(count); break;
    case kUserTimer: timer(count); break;
    case kUserConsole: console(count); break;
    case kUserCompute: sum = compute(count); break;
    case kUserTlb: sum = tlb(count); break;
  }
  marker(kMarkerEnd);
  if (sum) say_number("user: sum ", (int64_t)(sum >> 1));
  exit(0);
}
