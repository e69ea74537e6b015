// Physical memory: a pool of 4 KiB frames behind the kernel, each with a count of its users (copy-on-write shares frames).
// All of it is identity-mapped, so a frame's address is also a pointer.
#pragma once

#include "types.h"

// Hands frames from `start`, behind the kernel, up to `end` (cut to kMemoryEnd) to the pool.
void memory_init(phys_t start, phys_t end);

enum { kMemoryEnd = 16 << 20 };  // what the boot tables map; more than any workload needs

phys_t memory_end(void);          // end of the pool
phys_t frame_alloc(void);         // count 1, contents undefined; 0 when none is left
phys_t frame_alloc_zeroed(void);
void frame_ref(phys_t frame);     // one more user; ignores frames outside the pool (the user image)
void frame_release(phys_t frame); // one user fewer; the last one frees it
unsigned frame_users(phys_t frame);

static inline void copy_page(phys_t to, phys_t from) {
  uint64_t count = kPageSize / 8;
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
static inline void zero_page(phys_t page) {
  uint64_t count = kPageSize / 8;
  __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0ull) : "memory");
}
