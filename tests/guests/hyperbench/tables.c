// Page tables made page by page, each from the root down, as a simple kernel does; frames for them from a heap that only grows.
#include "bench.h"

enum { kPresent = 1, kWrite = 2, kUser = 4 };

static const uint64_t kHeapStart = 16ul << 20;
static uint64_t heap;

extern uint8_t boot_pml4[];

static uint64_t frame_alloc(void) {
  const uint64_t frame = heap ? heap : kHeapStart;
  heap = frame + kPage;
  uint64_t to = frame, words = kPage / 8;
  __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
  return frame;
}

static uint64_t *entry_of(uint64_t table, uint64_t address, unsigned level) {
  return (uint64_t *)table + (address >> (12 + 9 * (level - 1)) & 511);
}

static void __attribute__((noinline)) map_page(uint64_t root, uint64_t address) {
  uint64_t table = root;
  for (unsigned level = 4; level > 1; level--) {
    uint64_t *entry = entry_of(table, address, level);
    if (!(*entry & kPresent)) *entry = frame_alloc() | kPresent | kWrite | kUser;
    table = *entry & ~0xffful;
  }
  *entry_of(table, address, 1) = address | kPresent | kWrite | kUser;
}

uint64_t space_create(uint64_t pages) {
  const uint64_t root = frame_alloc();
  for (uint64_t page = 0; page < pages; page++) map_page(root, page * kPage);
  return root;
}

void space_load(uint64_t root) { __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory"); }

void space_load_boot(void) {
  space_load((uint64_t)boot_pml4);
  heap = 0;
}
