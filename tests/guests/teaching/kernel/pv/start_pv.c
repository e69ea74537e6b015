// From the monitor's loader to kernel_main. Called by entry_pv.S.
#include "../console.h"
#include "../ops.h"
#include "hypercall.h"

struct pv_start_info *start_info;

void start_pv(struct pv_start_info *info) {
  start_info = info;
  const struct boot_facts facts = {
      .command_line = info->command_line,
      .free_start = info->first_free * kPageSize,
      .free_end = info->mapped_pages * kPageSize};
  kernel_main(&facts);
}
