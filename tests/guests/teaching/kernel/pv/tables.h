// Page tables under a monitor that checks every entry: the part of the paravirtual operations that ops_pv.c takes from tables.c.
#pragma once

#include "../types.h"

pte_t pv_make_pte(phys_t frame, uint64_t flags);
phys_t pv_pte_frame(pte_t entry);
void pv_set_pte(pte_t *entry, pte_t value);
bool pv_table_born(phys_t table, unsigned level);
void pv_table_died(phys_t table);
void pv_lazy_begin(void);
void pv_lazy_end(void);
void pv_load_root(phys_t root);
void pv_flush_page(virt_t address);

// A page of the kernel's that must stay read-only although it is no table of ours: the loader's tables, the descriptor table.
void pv_keep_read_only(phys_t page);
uint64_t pv_machine_address(phys_t address);
