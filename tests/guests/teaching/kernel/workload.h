// What the guest does while it is measured: one table for all workloads, those of the kernel and those of user mode.
#pragma once

#include "types.h"

struct workload {
  const char *name;
  void (*in_kernel)(uint64_t count);                        // or null:
  void (*in_user)(uint64_t count, uint64_t argument);       // a function of the user image, entered at ring 3
  uint64_t argument;
  uint64_t count;                                           // repetitions unless `n=` says otherwise; small: a host may interpret us
};

// The workload `workload=NAME` names; the demonstration where none is named, null where the name is unknown.
struct command_line;
const struct workload *workload_find(struct command_line line);
