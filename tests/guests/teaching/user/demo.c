// The demonstration: what the kernel can do, one line each. Nothing printed depends on how fast the machine is.
#include "library.h"
#include "user.h"

static int shared = 1;  // in the data pages: copied on write after a fork

static void system_calls(void) {
  say("user: hello through SYSCALL\n");
  static const char text[] = "user: hello through INT 0x80\n";
  call_int80(kSysWrite, (uint64_t)text, sizeof text - 1);
  say_number("user: my pid is ", getpid());
  say_number("user: writing from a bad address gives ", call(kSysWrite, 0x1000, 5));
  say_number("user: an unknown call gives ", call(999, 0, 0));
}

static void demand_paging(void) {
  volatile uint8_t *heap = (volatile uint8_t *)USER_HEAP;
  const int64_t before = info(kInfoDemandFaults);
  unsigned zeroes = 0;
  for (unsigned page = 0; page < 8; page++) {
    zeroes += heap[page * 4096] == 0;
    heap[page * 4096] = (uint8_t)page;
  }
  say_number("user: pages that were zero on first touch: ", zeroes);
  say_number("user: page faults that took: ", info(kInfoDemandFaults) - before);
}

static void copy_on_write(void) {
  const int64_t before = info(kInfoCowCopies);
  if (fork() == 0) {
    shared = 2;
    exit(shared);
  }
  say_number("user: child ended with ", wait());
  say_number("user: my copy is still ", shared);
  say(info(kInfoCowCopies) > before ? "user: pages were copied on write\n" : "user: no page was copied\n");
}

// Runs `crime` in a child; the kernel reports and ends it.
static void commit(void (*crime)(void)) {
  if (fork() == 0) {
    crime();
    exit(0);
  }
  wait();
}
// In assembly, so that the compiler has no opinion about these addresses.
static void null_pointer(void) { __asm__ volatile("movl $1, (%0)" : : "r"(8ull) : "memory"); }
static void write_text(void) { __asm__ volatile("movl $1, (%0)" : : "r"(USER_START) : "memory"); }
static void read_kernel(void) { __asm__ volatile("mov (%0), %%eax" : : "r"(0x100000ull) : "rax"); }
static void run_data(void) { __asm__ volatile("jmp *%0" : : "r"(USER_HEAP)); }
static void divide(void) { __asm__ volatile("xor %%ecx, %%ecx; div %%ecx" : : "a"(1), "d"(0) : "rcx"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void port(void) { __asm__ volatile("outb %%al, $0xe9" : : "a"('x')); }
static void undefined(void) { __asm__ volatile("ud2"); }

static void turns(void) {
  if (fork() == 0) {
    for (int i = 1; i <= 3; i++) {
      say_number("child: pong ", i);
      yield();
    }
    exit(0);
  }
  for (int i = 1; i <= 3; i++) {
    say_number("user: ping ", i);
    yield();
  }
  wait();
}

static void spin(uint64_t count) {
  const uint64_t end = ticks() + count;
  while (ticks() < end) {}
}

static void time(void) {
  const uint64_t before = ticks();
  sleep(2);
  say(ticks() - before >= 2 ? "user: slept two ticks\n" : "user: woke too early\n");
  call(kSysPreempt, 1, 0);
  if (fork() == 0) {
    spin(2);
    exit(0);
  }
  spin(2);
  wait();
  call(kSysPreempt, 0, 0);
  say(info(kInfoPreemptions) > 0 ? "user: two spinning processes shared the CPU\n" : "user: nobody was preempted\n");
}

void user_demo(uint64_t count, uint64_t unused) {
  (void)unused;
  marker(kMarkerBegin);
  while (count--) {
    system_calls();
    demand_paging();
    copy_on_write();
    static void (*const crimes[])(void) = {null_pointer, write_text, run_data, read_kernel, divide, privileged, port, undefined};
    for (unsigned i = 0; i < sizeof crimes / sizeof *crimes; i++) commit(crimes[i]);
    turns();
    time();
  }
  marker(kMarkerEnd);
  exit(0);
}
