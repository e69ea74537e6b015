// How this kernel asks the monitor (interface: vmm/techniques/pv/interface/README.md), and the queue in which requests wait for company.
#pragma once

#include "../types.h"
#include "ringside_pv.h"

static inline int64_t hypercall(uint64_t call, uint64_t a, uint64_t b, uint64_t c) {
  int64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(call), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

// Requests in the order they were made; none has happened before batch_flush, which panics if one was refused.
void batch_call(uint64_t call, uint64_t a, uint64_t b, uint64_t c);
void batch_update(uint64_t machine_address, uint64_t value);  // mmu_update
void batch_operation(uint32_t command, uint64_t argument);    // mmuext_op
void batch_flush(void);

// The start info page, and what this kernel keeps in the shared one.
extern struct pv_start_info *start_info;
struct pv_shared_info *shared_info(void);
