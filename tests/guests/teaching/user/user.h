// The user image: two programs and their system-call wrappers. Seen by the kernel only for the entry addresses.
#pragma once

#include <stdint.h>

enum user_workload {
  kUserSyscall, kUserInt80, kUserPgfault, kUserForkwait, kUserCtxswitch, kUserTimer, kUserConsole, kUserCompute, kUserTlb
};

// Entered at ring 3 with the count in rdi and the enum above in rsi; they leave by the system call exit.
void user_demo(uint64_t count, uint64_t unused);
void user_workload(uint64_t count, uint64_t which);
