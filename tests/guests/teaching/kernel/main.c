// The kernel from its first C line to its last: read the command line, set up the machine, run one workload, end.
//
// Options: workload=NAME (workloads.c), n=COUNT, hz=TICKS per second, console=debug|serial|both, return=iret|sysret.
#include "../abi.h"
#include "command_line.h"
#include "console.h"
#include "memory.h"
#include "ops.h"
#include "process.h"
#include "timer.h"
#include "workload.h"

// The start of the Multiboot information structure [Multiboot 0.6.96 3.3 "Boot information format"].
struct multiboot_info {
  uint32_t flags;                 // bit 0: mem_* valid, bit 2: command_line valid
  uint32_t mem_lower, mem_upper;  // KiB from 0 and from 1 MiB
  uint32_t boot_device, command_line;
};

enum { kMultibootMagic = 0x2BADB002, kHasMemory = 1, kHasCommandLine = 4 };

// The loader may have put the command line anywhere, so it is copied before frames are handed out.
static struct command_line copy_command_line(const struct multiboot_info *info) {
  static char text[256];
  const char *from = info->flags & kHasCommandLine ? (const char *)(uint64_t)info->command_line : "";
  for (unsigned i = 0; i < sizeof text - 1 && from[i]; i++) text[i] = from[i];
  return (struct command_line){text};
}

static void read_native_options(struct command_line line) {
  native_options.serial = option_is(line, "console", "serial") || option_is(line, "console", "both");
  native_options.debug_console = !option_is(line, "console", "serial");
  native_options.sysret = option_is(line, "return", "sysret");
}

static int64_t run(const struct workload *workload, uint64_t count) {
  if (!workload->in_kernel) return process_run_first((virt_t)workload->in_user, count, workload->argument);
  ops.marker(kMarkerBegin);
  workload->in_kernel(count);
  ops.marker(kMarkerEnd);
  return 0;
}

void kernel_main(uint32_t magic, const struct multiboot_info *info) {
  if (magic != kMultibootMagic) panic("not started by a Multiboot loader: %lx", (uint64_t)magic);
  const struct command_line line = copy_command_line(info);
  read_native_options(line);
  const struct workload *workload = workload_find(line);
  if (!workload) panic("no such workload; see workloads.c");

  memory_init((1 << 20) + (info->flags & kHasMemory ? (phys_t)info->mem_upper << 10 : 3 << 20));
  ops.init();
  const phys_t clock_frame = frame_alloc_zeroed();
  paging_init(clock_frame);
  timer_start(clock_frame, (unsigned)option_number(line, "hz", 250));

  print("Ringside teaching kernel on %s: workload %s\n", ops.name, workload->name);
  const int64_t status = run(workload, option_number(line, "n", workload->count));
  print("%s: status %ld\n", workload->name, status);
  ops.power_off(status == 0 ? 0 : 1);
}
