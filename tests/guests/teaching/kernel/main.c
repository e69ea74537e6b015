// The kernel's life: set up the machine, run one workload, end. Called by start_native.c or pv/start_pv.c.
//
// Options: workload=NAME (workloads.c), n=COUNT, hz=TICKS per second; on the native machine console=debug|serial|both, return=iret|sysret.
#include "../abi.h"
#include "command_line.h"
#include "console.h"
#include "memory.h"
#include "ops.h"
#include "process.h"
#include "timer.h"
#include "workload.h"

static int64_t run(const struct workload *workload, uint64_t count) {
  if (!workload->in_kernel) return process_run_first((virt_t)workload->in_user, count, workload->argument);
  ops.marker(kMarkerBegin);
  workload->in_kernel(count);
  ops.marker(kMarkerEnd);
  return 0;
}

void kernel_main(const struct boot_facts *facts) {
  const struct command_line line = {facts->command_line};
  const struct workload *workload = workload_find(line);
  if (!workload) panic("no such workload; see workloads.c");

  memory_init(facts->free_start, facts->free_end);
  ops.init();
  const phys_t clock_frame = frame_alloc_zeroed();
  paging_init(clock_frame);
  timer_start(clock_frame, (unsigned)option_number(line, "hz", 250));

  print("Ringside teaching kernel: workload %s\n", workload->name);
  const int64_t status = run(workload, option_number(line, "n", workload->count));
  print("%s: status %ld\n", workload->name, status);
  ops.power_off(status == 0 ? 0 : 1);
}
