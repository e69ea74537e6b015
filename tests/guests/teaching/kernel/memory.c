// The frame pool: frames never used yet come from a rising mark, freed ones from a list threaded through them.
#include "memory.h"

static uint16_t users[kMemoryEnd / kPageSize];
static phys_t pool_start, pool_mark, pool_end;
static phys_t free_list;

void memory_init(phys_t start, phys_t end) {
  pool_start = pool_mark = start;
  pool_end = (end < kMemoryEnd ? end : kMemoryEnd) & ~(phys_t)kPageMask;
}

phys_t memory_end(void) { return pool_end; }

static bool in_pool(phys_t frame) { return frame >= pool_start && frame < pool_mark; }

phys_t frame_alloc(void) {
  phys_t frame = free_list;
  if (frame) {
    free_list = *(phys_t *)frame;
  } else {
    if (pool_mark + kPageSize > pool_end) return 0;
    frame = pool_mark;
    pool_mark += kPageSize;
  }
  users[frame / kPageSize] = 1;
  return frame;
}

phys_t frame_alloc_zeroed(void) {
  const phys_t frame = frame_alloc();
  if (frame) zero_page(frame);
  return frame;
}

void frame_ref(phys_t frame) {
  if (in_pool(frame)) users[frame / kPageSize]++;
}

void frame_release(phys_t frame) {
  if (!in_pool(frame) || --users[frame / kPageSize]) return;
  *(phys_t *)frame = free_list;
  free_list = frame;
}

unsigned frame_users(phys_t frame) { return in_pool(frame) ? users[frame / kPageSize] : 2; }
