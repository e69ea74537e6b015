// Page tables under direct paging. A table is built in ordinary memory by ordinary stores; when a root is loaded that leads to it, it is made
// read-only and becomes *live*: from then on its entries change by hypercalls only. That is how Linux does it under Xen, and why fork is cheap.
//
// Kernel and user have roots of their own, because both run at CPL 3: each table of the top two levels has a *twin* in which only the entries
// with the user bit stand. The twin of the root is the user's root; the tables below are shared.
#include "tables.h"

#include "../memory.h"
#include "hypercall.h"

enum { kFrames = kMemoryEnd / kPageSize, kEntries = 512 };
enum role { kPlain, kLevel1, kLevel2, kLevel3, kLevel4, kReadOnly };

static uint8_t role[kFrames];   // of each pseudo-physical frame
static bool live[kFrames];
static phys_t twin[kFrames];    // of tables of level 3 and 4
static bool lazy;

static unsigned frame_number(phys_t address) { return (unsigned)(address / kPageSize); }
static unsigned role_of(phys_t address) { return address < kMemoryEnd ? role[frame_number(address)] : kPlain; }
static bool is_table(phys_t address) { return role_of(address) >= kLevel1 && role_of(address) <= kLevel4; }

uint64_t pv_machine_address(phys_t address) {
  return (uint64_t)((const uint32_t *)start_info->p2m)[address / kPageSize] * kPageSize + (address & kPageMask);
}
pte_t pv_make_pte(phys_t frame, uint64_t flags) { return pv_machine_address(frame) | flags; }
phys_t pv_pte_frame(pte_t entry) { return (phys_t)((const uint32_t *)start_info->m2p)[(entry & PTE_FRAME) / kPageSize] * kPageSize; }

void pv_lazy_begin(void) { lazy = true; }
void pv_lazy_end(void) {
  lazy = false;
  batch_flush();
}
static void flush_unless_lazy(void) {
  if (!lazy) batch_flush();
}

// The kernel's own mapping of a page, in the tables that are loaded.
static void map_in_kernel(phys_t page, uint64_t flags) {
  batch_call(kPvUpdateVaMapping, page, pv_make_pte(page, PTE_PRESENT | PTE_NX | flags), kPvFlushPage);
}

void pv_keep_read_only(phys_t page) {
  role[frame_number(page)] = kReadOnly;
  map_in_kernel(page, 0);
}

// --- entries ----------------------------------------------------------------------------------------------------------------

static void make_live(phys_t table) {
  if (!is_table(table) || live[frame_number(table)]) return;
  live[frame_number(table)] = true;
  if (role_of(table) > kLevel1)
    for (unsigned i = 0; i < kEntries; i++) {
      const pte_t entry = ((const pte_t *)table)[i];
      if (entry & PTE_PRESENT) make_live(pv_pte_frame(entry));
    }
  map_in_kernel(table, 0);
}

static void write_entry(pte_t *entry, pte_t value) {
  const phys_t table = (phys_t)entry & ~(phys_t)kPageMask;
  if (!live[frame_number(table)]) {
    *entry = value;
    return;
  }
  if (role_of(table) > kLevel1 && (value & PTE_PRESENT)) make_live(pv_pte_frame(value));
  batch_update(pv_machine_address((phys_t)entry), value);
  flush_unless_lazy();
}

void pv_set_pte(pte_t *entry, pte_t value) {
  const phys_t table = (phys_t)entry & ~(phys_t)kPageMask;
  const bool present = value & PTE_PRESENT;
  const phys_t below = present ? pv_pte_frame(value) : 0;
  if (role_of(table) == kLevel1 && present && role_of(below) != kPlain) value &= ~PTE_WRITE;
  write_entry(entry, value);
  if (!twin[frame_number(table)]) return;
  pte_t *user_entry = (pte_t *)(twin[frame_number(table)] + ((phys_t)entry & kPageMask));
  if (!(value & PTE_USER)) value = 0;
  else if (role_of(table) == kLevel4) value = pv_make_pte(twin[frame_number(below)], value & ~PTE_FRAME);
  if (*user_entry != value) write_entry(user_entry, value);
}

// --- life of a table ----------------------------------------------------------------------------------------------------------

bool pv_table_born(phys_t table, unsigned level) {
  if (level >= 3) {
    const phys_t user = frame_alloc_zeroed();
    if (!user) return false;
    twin[frame_number(table)] = user;
    role[frame_number(user)] = (uint8_t)level;
  }
  role[frame_number(table)] = (uint8_t)level;
  return true;
}

// Back to ordinary memory.
static void retire(phys_t table) {
  if (live[frame_number(table)]) {
    if (role_of(table) == kLevel4) batch_operation(kPvUnpin, pv_machine_address(table) / kPageSize);
    map_in_kernel(table, PTE_WRITE);
  }
  live[frame_number(table)] = false;
  role[frame_number(table)] = kPlain;
}

void pv_table_died(phys_t table) {
  const phys_t user = twin[frame_number(table)];
  retire(table);
  if (user) retire(user);
  batch_flush();  // before anybody writes there
  if (user) frame_release(user);
  twin[frame_number(table)] = 0;
}

static void pin(phys_t root) {
  if (live[frame_number(root)]) return;
  make_live(root);
  batch_operation(kPvPinL4, pv_machine_address(root) / kPageSize);
}

void pv_load_root(phys_t root) {
  const phys_t user = twin[frame_number(root)];
  pin(root);
  pin(user);
  batch_operation(kPvNewBase, pv_machine_address(root) / kPageSize);
  batch_operation(kPvNewUserBase, pv_machine_address(user) / kPageSize);
  batch_flush();
}

void pv_flush_page(virt_t address) {
  batch_operation(kPvInvalidatePage, address);
  flush_unless_lazy();
}
