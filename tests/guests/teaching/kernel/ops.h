// The table of privileged operations: everything this kernel needs a CPU at ring 0 for goes through it, as in Linux's
// paravirt_ops. ops_native.c fills it with the instructions themselves; the paravirtual build links pv/ops_pv.c in its
// place, which asks a monitor instead. Nothing above this header executes a privileged instruction.
#pragma once

#include "types.h"

struct descriptor_pointer {
  uint16_t limit;
  uint64_t base;
} __attribute__((packed));

enum block_direction { kBlockRead, kBlockWrite };

struct machine_ops {
  bool large_pages;                                      // entries of level 2 may map 2 MiB

  // --- set-up ---------------------------------------------------------------------------------------------------------
  void (*init)(void);                                    // descriptor tables, entry points, interrupt controller
  void (*set_kernel_stack)(virt_t top);                  // where traps from ring 3 arrive
  void (*start_timer)(unsigned hz);                      // periodic interrupt on vector 32
  void (*acknowledge_irq)(unsigned irq);
  void (*repair_entry)(struct frame *frame);             // an exception from user mode that was meant as something else

  // --- interrupts -------------------------------------------------------------------------------------------------------
  void (*idle)(void);                                    // wait for one interrupt with interrupts on; off again on return
  void (*mask_interrupts)(void);
  void (*write_task_priority)(unsigned priority);        // CR8

  // --- page tables --------------------------------------------------------------------------------------------------------
  pte_t (*make_pte)(phys_t frame, uint64_t flags);       // a monitor may need another frame number than ours
  phys_t (*pte_frame)(pte_t entry);
  void (*set_pte)(pte_t *entry, pte_t value);            // one entry of a live table
  bool (*table_born)(phys_t table, unsigned level);      // this zeroed frame is now a page table (level 4 = root) ...
  void (*table_died)(phys_t table);                      // ... and no longer; nothing leads to it any more
  void (*lazy_begin)(void);                              // set_pte may take effect as late as ...
  void (*lazy_end)(void);                                // ... here: a monitor gets the entries in one batch
  void (*load_root)(phys_t root);                        // CR3; drops all non-global translations
  void (*flush_page)(virt_t address);                    // INVLPG
  virt_t (*fault_address)(void);                         // CR2

  // --- devices ------------------------------------------------------------------------------------------------------------
  void (*console_write)(const char *text, size_t length);
  uint8_t (*port_in)(uint16_t port);
  uint64_t (*block_pages)(void);                         // size of the disk; 0: none
  bool (*block_transfer)(enum block_direction direction, uint64_t page, phys_t frame);
  void (*marker)(uint32_t value);                        // marks a phase in the trace
  void (*power_off)(uint8_t status) __attribute__((noreturn));
};

extern const struct machine_ops ops;

// Entry code of the machine (entry_native.S): leaves the kernel with the frame on the current stack.
void return_to_user(void);

// Switches from one kernel stack to another (context.S): no privilege needed, so no operation.
void context_switch(virt_t *save_sp, virt_t load_sp);

// What the start of the machine found, for kernel_main.
struct boot_facts {
  const char *command_line;  // stays where it is
  phys_t free_start, free_end;
};
void kernel_main(const struct boot_facts *facts);
