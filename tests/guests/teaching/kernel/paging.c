// Page tables: one walk function, a table of regions that says what a user page is made of, and on top of them demand
// filling, fork and copy-on-write. Entries are only ever written through ops.set_pte.
#include "paging.h"

#include "../abi.h"
#include "console.h"
#include "memory.h"
#include "ops.h"

extern uint8_t kernel_start[], kernel_text_end[], kernel_data[], user_image[], user_text_end[], user_data_end[];

struct address_space kernel_space;
static phys_t kernel_directory;  // level 2, the first GiB: in every space at the same place
static phys_t clock;

// --- tables ---------------------------------------------------------------------------------------------------------------

static phys_t table_alloc(unsigned level) {
  const phys_t table = frame_alloc_zeroed();
  if (!table || ops.table_born(table, level)) return table;
  frame_release(table);
  return 0;
}

static void table_free(phys_t table) {
  ops.table_died(table);
  frame_release(table);
}

// Index of `address` in a table of `level`: 9 bits each above the 12 of the page [SDM 3A figure 4-8].
static unsigned index_at(virt_t address, unsigned level) { return address >> (12 + 9 * (level - 1)) & 511; }
static pte_t *entry_of(phys_t table, virt_t address, unsigned level) { return (pte_t *)table + index_at(address, level); }

enum on_missing { kLeave, kCreate };

// Down from the root to the level-1 entry of `address`. Null where a table is missing (and may not or cannot be made).
static pte_t *walk(phys_t root, virt_t address, enum on_missing missing) {
  phys_t table = root;
  for (unsigned level = 4; level > 1; level--) {
    pte_t *entry = entry_of(table, address, level);
    if (!(*entry & PTE_PRESENT)) {
      const phys_t below = missing == kCreate ? table_alloc(level - 1) : 0;
      if (!below) return 0;
      ops.set_pte(entry, ops.make_pte(below, PTE_PRESENT | PTE_WRITE | PTE_USER));
    }
    table = ops.pte_frame(*entry);
  }
  return entry_of(table, address, 1);
}

pte_t *space_entry(struct address_space *space, virt_t address) { return walk(space->root, address, kLeave); }

// --- the kernel's half ----------------------------------------------------------------------------------------------------

// One page of the kernel's half: the kernel's text is read-only, data is never executable.
static pte_t kernel_page(phys_t page) {
  const bool text = page >= (phys_t)kernel_start && page < (phys_t)kernel_text_end;
  const bool fixed = page < (phys_t)kernel_data && page >= (phys_t)kernel_start;
  return ops.make_pte(page, PTE_PRESENT | (text ? 0 : PTE_NX) | (fixed ? 0 : PTE_WRITE));
}

// The first 2 MiB (where the kernel lies) by pages, so that each has its own rights; the rest of the pool by 2 MiB pages where the
// machine has them. All tables are made before the first is filled: under a monitor a table's own page is special.
void paging_init(phys_t clock_frame) {
  enum { kLargePage = 2 << 20, kBlocks = kMemoryEnd / kLargePage };
  clock = clock_frame;
  kernel_space.root = table_alloc(4);
  const phys_t pdpt = table_alloc(3);
  kernel_directory = table_alloc(2);
  const phys_t fine_end = ops.large_pages ? kLargePage : memory_end();
  const unsigned fine_blocks = (unsigned)((fine_end + kLargePage - 1) / kLargePage);
  phys_t fine[kBlocks];
  for (unsigned block = 0; block < fine_blocks; block++) fine[block] = table_alloc(1);

  ops.lazy_begin();
  for (phys_t page = kPageSize; page < fine_end; page += kPageSize)
    ops.set_pte(entry_of(fine[page / kLargePage], page, 1), kernel_page(page));
  for (phys_t block = 0; block < (ops.large_pages ? kBlocks : fine_blocks); block++)
    ops.set_pte(entry_of(kernel_directory, block * kLargePage, 2),
                block < fine_blocks ? ops.make_pte(fine[block], PTE_PRESENT | PTE_WRITE)
                                    : ops.make_pte(block * kLargePage, PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_NX));
  ops.set_pte(entry_of(pdpt, 0, 3), ops.make_pte(kernel_directory, PTE_PRESENT | PTE_WRITE));
  ops.set_pte(entry_of(kernel_space.root, 0, 4), ops.make_pte(pdpt, PTE_PRESENT | PTE_WRITE));
  ops.lazy_end();
  space_load(&kernel_space);
}

void space_load(const struct address_space *space) { ops.load_root(space->root); }

// --- the user's half: regions ----------------------------------------------------------------------------------------------

enum source { kImageShared, kImageCopy, kZeroes, kClock };

struct region {
  virt_t start, end;
  enum source source;
  uint64_t flags;
};

// What user memory consists of, in the order of addresses. Everything else is a fault that ends the process.
static const struct region regions[] = {
    {USER_START, (virt_t)user_text_end, kImageShared, PTE_PRESENT | PTE_USER},
    {(virt_t)user_text_end, (virt_t)user_data_end, kImageCopy, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX},
    {USER_HEAP, USER_HEAP_END, kZeroes, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX},
    {USER_CLOCK, USER_CLOCK + kPageSize, kClock, PTE_PRESENT | PTE_USER | PTE_NX},
    {USER_STACK, USER_STACK_END, kZeroes, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX},
    {USER_ARENA, USER_ARENA_END, kZeroes, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX},
};
enum { kRegions = sizeof regions / sizeof *regions };

// The frame a fresh page of this region gets, with a user counted; 0 when memory is out.
static phys_t region_frame(const struct region *region, virt_t page) {
  const phys_t image = (phys_t)user_image + (page - USER_START);
  switch (region->source) {
    case kImageShared: return image;
    case kClock: frame_ref(clock); return clock;
    case kZeroes: return frame_alloc_zeroed();
    case kImageCopy: {
      const phys_t frame = frame_alloc();
      if (frame) copy_page(frame, image);
      return frame;
    }
  }
  return 0;
}

// --- faults -----------------------------------------------------------------------------------------------------------------

static enum fault_outcome fill(struct address_space *space, virt_t address, uint64_t error) {
  const virt_t page = address & ~(virt_t)kPageMask;
  for (unsigned i = 0; i < kRegions; i++) {
    const struct region *region = &regions[i];
    if (page < region->start || page >= region->end) continue;
    if ((error & kFaultWrite) && !(region->flags & PTE_WRITE)) return kFaultDenied;
    if ((error & kFaultFetch) && (region->flags & PTE_NX)) return kFaultDenied;
    pte_t *entry = walk(space->root, page, kCreate);
    const phys_t frame = entry ? region_frame(region, page) : 0;
    if (!frame) return kFaultNoMemory;
    ops.set_pte(entry, ops.make_pte(frame, region->flags));  // was absent: no translation of it can be cached
    return kFaultFilled;
  }
  return kFaultDenied;
}

// A write to a page shared since a fork: the last user takes it over, any other gets a copy.
static enum fault_outcome copy_on_write(virt_t page, pte_t *entry) {
  const phys_t shared = ops.pte_frame(*entry);
  const uint64_t flags = (*entry & ~(PTE_FRAME | PTE_COW)) | PTE_WRITE;
  phys_t frame = shared;
  if (frame_users(shared) > 1) {
    frame = frame_alloc();
    if (!frame) return kFaultNoMemory;
    copy_page(frame, shared);
    frame_release(shared);
  }
  ops.lazy_begin();
  ops.set_pte(entry, ops.make_pte(frame, flags));
  ops.flush_page(page);
  ops.lazy_end();
  return kFaultCopied;
}

enum fault_outcome space_fault(struct address_space *space, virt_t address, uint64_t error) {
  if (!(error & kFaultPresent)) return fill(space, address, error);
  if (address < USER_START || address >= USER_END || !(error & kFaultWrite)) return kFaultDenied;
  pte_t *entry = walk(space->root, address, kLeave);
  if (!entry || !(*entry & PTE_COW)) return kFaultDenied;
  return copy_on_write(address & ~(virt_t)kPageMask, entry);
}

phys_t space_readable_frame(struct address_space *space, virt_t address) {
  if (address < USER_START || address >= USER_END) return 0;
  pte_t *entry = walk(space->root, address, kLeave);
  if (!entry || !(*entry & PTE_PRESENT)) {
    if (fill(space, address, kFaultUser) != kFaultFilled) return 0;
    entry = walk(space->root, address, kLeave);
  }
  return ops.pte_frame(*entry);
}

// --- life of a space --------------------------------------------------------------------------------------------------------

bool space_create(struct address_space *space) {
  space->root = table_alloc(4);
  const phys_t pdpt = space->root ? table_alloc(3) : 0;
  if (!pdpt) {
    if (space->root) table_free(space->root);
    return false;
  }
  ops.set_pte(entry_of(pdpt, 0, 3), ops.make_pte(kernel_directory, PTE_PRESENT | PTE_WRITE));
  ops.set_pte(entry_of(space->root, 0, 4), ops.make_pte(pdpt, PTE_PRESENT | PTE_WRITE | PTE_USER));
  return true;
}

// Calls visit(entry, page, child) for each present page of [start, end), skipping what has no table.
static bool for_each_page(struct address_space *space, virt_t start, virt_t end, struct address_space *child,
                          bool (*visit)(pte_t *, virt_t, struct address_space *)) {
  for (virt_t page = start; page < end;) {
    pte_t *entry = walk(space->root, page, kLeave);
    if (!entry) {
      page = (page | 0x1fffff) + 1;  // nothing in these 2 MiB
      continue;
    }
    const virt_t table_end = (page | 0x1fffff) + 1;
    for (; page < end && page < table_end; page += kPageSize, entry++)
      if ((*entry & PTE_PRESENT) && !visit(entry, page, child)) return false;
  }
  return true;
}

static bool share_page(pte_t *entry, virt_t page, struct address_space *child) {
  pte_t *copy = walk(child->root, page, kCreate);
  if (!copy) return false;
  pte_t value = *entry;
  if (value & PTE_WRITE) {
    value = (value & ~PTE_WRITE) | PTE_COW;
    ops.set_pte(entry, value);
  }
  frame_ref(ops.pte_frame(value));
  ops.set_pte(copy, value);
  return true;
}

static bool drop_page(pte_t *entry, virt_t page, struct address_space *child) {
  (void)page, (void)child;
  const phys_t frame = ops.pte_frame(*entry);
  ops.set_pte(entry, 0);
  frame_release(frame);
  return true;
}

bool space_clone(struct address_space *child, struct address_space *parent) {
  if (!space_create(child)) return false;
  bool done = true;
  ops.lazy_begin();
  for (unsigned i = 0; i < kRegions && done; i++) {
    const struct region *region = &regions[i];
    done = for_each_page(parent, region->start, region->end, child, share_page);
  }
  ops.lazy_end();
  space_load(parent);  // its translations still say "writable"
  if (!done) space_destroy(child);
  return done;
}

void space_unmap(struct address_space *space, virt_t first, uint64_t bytes) {
  ops.lazy_begin();
  for (unsigned i = 0; i < kRegions; i++) {
    const struct region *region = &regions[i];
    if (region->source != kZeroes || first < region->start || first >= region->end) continue;
    const virt_t end = bytes > region->end - first ? region->end : first + bytes;
    for_each_page(space, first & ~(virt_t)kPageMask, end, 0, drop_page);
  }
  ops.lazy_end();
  space_load(space);
}

// Must not be the loaded space. Its user tables hang below entry 1 of the level-3 table (the second GiB). They go from the top down: a
// table is freed when nothing leads to it.
void space_destroy(struct address_space *space) {
  enum { kUserTables = (USER_ARENA_END - USER_START + (2 << 20) - 1) >> 21 };  // no region lies above
  ops.lazy_begin();
  for (unsigned i = 0; i < kRegions; i++) {
    const struct region *region = &regions[i];
    for_each_page(space, region->start, region->end, 0, drop_page);
  }
  ops.lazy_end();
  const phys_t pdpt = ops.pte_frame(*entry_of(space->root, USER_START, 4));
  const pte_t user = *entry_of(pdpt, USER_START, 3);
  const phys_t directory = user & PTE_PRESENT ? ops.pte_frame(user) : 0;
  phys_t tables[kUserTables];
  for (unsigned i = 0; i < kUserTables && directory; i++) {
    const pte_t entry = *entry_of(directory, USER_START + ((virt_t)i << 21), 2);
    tables[i] = entry & PTE_PRESENT ? ops.pte_frame(entry) : 0;
  }
  table_free(space->root);
  table_free(pdpt);
  if (directory) {
    table_free(directory);
    for (unsigned i = 0; i < kUserTables; i++)
      if (tables[i]) table_free(tables[i]);
  }
  space->root = 0;
}
