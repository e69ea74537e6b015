// What the two files of this guest share: a benchmark, and the page tables it may ask for.
#pragma once

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long uint64_t;

enum where { kEverywhere, kOnlyInGuests };

// `body` does `count` times what is measured, `control` the same loop without it; the difference is the benchmark's.
struct benchmark {
  const char *name;  // as in the published table
  void (*control)(uint64_t count);
  void (*body)(uint64_t count);
  uint64_t count;
  enum where where;  // a hypercall needs somebody to answer it
};

extern const struct benchmark benchmarks[];
extern const unsigned benchmark_count;

// Page tables (tables.c). A space maps [0, pages * 4 KiB) one to one by 4 KiB pages.
uint64_t space_create(uint64_t pages);
void space_load(uint64_t root);
void space_load_boot(void);  // the boot tables again; all frames of spaces are free after it

enum { kPage = 4096 };
