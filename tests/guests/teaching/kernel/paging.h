// Address spaces: the kernel's first GiB, shared by all, and one user GiB each, filled on demand and copied on write.
#pragma once

#include "types.h"

struct address_space {
  phys_t root;  // the level-4 table; 0: none
};

// Builds the kernel's tables (page 0 absent, text read-only, data never executable) and loads them.
void paging_init(phys_t clock_frame);
extern struct address_space kernel_space;

// Both are false when no frame is left.
bool space_create(struct address_space *space);
// Fork: the child sees the parent's pages; writable ones become read-only in both until one writes.
bool space_clone(struct address_space *child, struct address_space *parent);
void space_destroy(struct address_space *space);
void space_load(const struct address_space *space);

// Forgets the pages of [first, first + bytes) within one demand-filled region.
void space_unmap(struct address_space *space, virt_t first, uint64_t bytes);

// A page fault at `address`. True: resolved (a demand fill or a copy), run the instruction again.
enum fault_outcome { kFaultDenied, kFaultFilled, kFaultCopied, kFaultNoMemory };
enum fault_outcome space_fault(struct address_space *space, virt_t address, uint64_t error);

// Frame behind a user page for the kernel's own reading, filled on demand; 0 where the process may not read.
phys_t space_readable_frame(struct address_space *space, virt_t address);

// The entry that maps `address` at level 1, or null where a table is missing (kernel workload ptemod).
pte_t *space_entry(struct address_space *space, virt_t address);
