// Runs each benchmark in a fresh address space and prints, on the debug console, its name, how often it was done, and the cycles of the time
// stamp counter that its control loop and the loop itself took. A marker with its number (from 1) begins each. Give `guest` on the command
// line where a hypervisor answers VMCALL.
#include "bench.h"

struct multiboot_info {
  uint32_t flags;  // bit 2: command_line valid
  uint32_t mem_lower, mem_upper, boot_device, command_line;
};

enum { kHasCommandLine = 4, kDebugConsole = 0xe9, kMarkerPort = 0xf8, kExitPort = 0xf4 };
static const uint64_t kSpacePages = (128ul << 20) / kPage;

static void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %w1" : : "a"(value), "d"(port)); }
static void put(char c) { __asm__ volatile("outb %0, %w1" : : "a"(c), "d"((uint16_t)kDebugConsole)); }

static void print(const char *text) {
  while (*text) put(*text++);
}
static void print_number(uint64_t number) {
  char digits[20];
  unsigned n = 0;
  do digits[n++] = (char)('0' + number % 10);
  while (number /= 10);
  while (n) put(digits[--n]);
}

static uint64_t now(void) {
  uint32_t low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

static uint64_t timed(void (*loop)(uint64_t), uint64_t count) {
  const uint64_t start = now();
  loop(count);
  return now() - start;
}

static void run(const struct benchmark *b) {
  space_load(space_create(kSpacePages));
  const uint64_t control = timed(b->control, b->count), body = timed(b->body, b->count);
  space_load_boot();
  print(b->name);
  const uint64_t numbers[] = {b->count, control, body};
  for (unsigned i = 0; i < 3; i++) {
    put(' ');
    print_number(numbers[i]);
  }
  put('\n');
}

static int begins_with(const char *text, const char *word) {
  while (*word)
    if (*text++ != *word++) return 0;
  return 1;
}

void bench_main(const struct multiboot_info *info) {
  const char *line = info->flags & kHasCommandLine ? (const char *)(uint64_t)info->command_line : "";
  const enum where where = begins_with(line, "guest") ? kOnlyInGuests : kEverywhere;
  for (unsigned i = 0; i < benchmark_count; i++) {
    if (benchmarks[i].where > where) continue;
    out32(kMarkerPort, i + 1);
    run(&benchmarks[i]);
  }
  out32(kExitPort, 0);
}
