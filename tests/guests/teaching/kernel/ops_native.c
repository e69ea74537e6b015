// machine_ops on a bare machine: the privileged instructions themselves, and the drivers of the PIC, the PIT, the debug
// console and the UART. The only C file of this kernel that needs ring 0.
#include "native.h"
#include "ops.h"
#include "ports.h"
#include "quirks.h"

struct native_options native_options = {.debug_console = true};
_Static_assert(offsetof(struct native_options, sysret) == 2, "entry_native.S reads it");

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline void write_msr(uint32_t msr, uint64_t value) {
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

// --- descriptor tables --------------------------------------------------------------------------------------------------

// Task state segment: in 64-bit mode only the stacks remain of it [SDM 3A 7.7 "Task Management in 64-bit Mode"].
struct tss {
  uint32_t reserved0;
  uint64_t rsp[3];
  uint64_t reserved1;
  uint64_t ist[7];
  uint64_t reserved2;
  uint16_t reserved3, io_bitmap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "[SDM 3A figure 7-11]");

// Gate of 64-bit mode [SDM 3A figure 6-8]: offset 15:0, selector, IST and type, offset 31:16, offset 63:32, reserved.
struct gate {
  uint16_t offset_low, selector;
  uint8_t ist, type;
  uint16_t offset_middle;
  uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "[SDM 3A figure 6-8]");

// What SYSCALL's entry finds through GS: it cannot use the TSS.
struct cpu_record {
  uint64_t kernel_sp, user_sp;  // entry_native.S: gs:[0], gs:[8]
};

static uint64_t gdt[7] = {
    0,
    0x00af9b000000ffff,  // 0x08 kernel code: 64-bit, DPL 0
    0x00cf93000000ffff,  // 0x10 kernel data
    0x00cff3000000ffff,  // 0x18 user data: DPL 3
    0x00affb000000ffff,  // 0x20 user code: 64-bit, DPL 3
    0, 0                 // 0x28 TSS, two slots, filled by load_descriptor_tables
};
static struct gate idt[256];
static struct tss tss;
static struct cpu_record cpu_record;
static uint8_t double_fault_stack[2048] __attribute__((aligned(16)));

extern const uint8_t native_stubs[];
extern void native_syscall_entry(void);

enum { kGateInterrupt = 0x8e, kGateInterruptUser = 0xee };  // present, DPL 0 or 3, interrupt gate: IF is cleared on entry

static void set_gate(unsigned vector, unsigned stub, uint8_t type, uint8_t ist) {
  const uint64_t offset = (uint64_t)native_stubs + 16 * stub;
  idt[vector] = (struct gate){.offset_low = (uint16_t)offset, .selector = kKernelCs, .ist = ist, .type = type,
                              .offset_middle = (uint16_t)(offset >> 16), .offset_high = (uint32_t)(offset >> 32)};
}

static void load_descriptor_tables(void) {
  const uint64_t base = (uint64_t)&tss;
  const uint64_t limit = sizeof tss - 1;
  // A TSS descriptor has its base in three pieces and takes two slots [SDM 3A figure 7-4].
  gdt[5] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
  gdt[6] = base >> 32;
  tss.ist[0] = (uint64_t)(double_fault_stack + sizeof double_fault_stack);
  tss.io_bitmap = sizeof tss;  // beyond the limit: no ports for user mode

  for (unsigned v = 0; v < 48; v++) set_gate(v, v, kGateInterrupt, v == kVectorDf ? 1 : 0);
  set_gate(3, 3, kGateInterruptUser, 0);  // INT3 is for everybody
  set_gate(kVectorSyscall, 48, kGateInterruptUser, 0);

  const struct descriptor_pointer gdtr = {sizeof gdt - 1, (uint64_t)gdt}, idtr = {sizeof idt - 1, (uint64_t)idt};
  __asm__ volatile("lgdt %0" : : "m"(gdtr));
  __asm__ volatile("lidt %0" : : "m"(idtr));
  __asm__ volatile("ltr %w0" : : "r"(kTssSelector));
}

// SYSCALL/SYSRET [SDM 3A 5.8.8 "Fast System Calls in 64-Bit Mode"]. STAR holds the base selectors, LSTAR the entry, FMASK
// the flags to clear on entry: TF, IF, DF, NT and AC.
static void enable_syscall(void) {
  write_msr(0xC0000081, (uint64_t)kKernelSs << 48 | (uint64_t)kKernelCs << 32);
  write_msr(0xC0000082, (uint64_t)native_syscall_entry);
  write_msr(0xC0000084, 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18);
  write_msr(0xC0000102, (uint64_t)&cpu_record);  // KERNEL_GS_BASE, fetched by SWAPGS
}

// Both 8259A: ICW1..4 put lines 0..15 on vectors 32..47; all masked but line 0, the timer.
static void start_interrupt_controller(void) {
  static const uint8_t sequence[][2] = {{kPortPic1, 0x11},     {kPortPic2, 0x11}, {kPortPic1 + 1, kVectorIrq0}, {kPortPic2 + 1, kVectorIrq0 + 8},
                                        {kPortPic1 + 1, 4},    {kPortPic2 + 1, 2}, {kPortPic1 + 1, 1},          {kPortPic2 + 1, 1},
                                        {kPortPic1 + 1, 0xfe}, {kPortPic2 + 1, 0xff}};
  for (unsigned i = 0; i < sizeof sequence / 2; i++) out8(sequence[i][0], sequence[i][1]);
}

static void native_init(void) {
  load_descriptor_tables();
  enable_syscall();
  start_interrupt_controller();
}

static void native_set_kernel_stack(virt_t top) {
  tss.rsp[0] = top;
  cpu_record.kernel_sp = top;
}

// --- timer and interrupts -----------------------------------------------------------------------------------------------

static void native_start_timer(unsigned hz) {
  const unsigned divisor = 1193182 / hz;  // the PIT's clock in Hz
  out8(kPortPitCommand, 0x34);            // counter 0, low byte then high, mode 2 (rate generator)
  out8(kPortPit0, (uint8_t)divisor);
  out8(kPortPit0, (uint8_t)(divisor >> 8));
}

// A line of the second controller is also the first one's line 2. Lines 7 and 15 may be spurious: nothing is in service then and
// nothing may be acknowledged, which is why their in-service bit is read first.
static void native_acknowledge_irq(unsigned irq) {
  enum { kReadInService = 0x0b, kEndOfInterrupt = 0x20 };
  const uint16_t controller = irq < 8 ? kPortPic1 : kPortPic2;
  if ((irq & 7) == 7) {
    out8(controller, kReadInService);
    if (!(in8(controller) & 0x80)) {
      if (irq == 15) out8(kPortPic1, kEndOfInterrupt);
      return;
    }
  }
  if (irq >= 8) out8(kPortPic2, kEndOfInterrupt);
  out8(kPortPic1, kEndOfInterrupt);
}

// STI takes effect after the next instruction, so no interrupt can slip in before HLT and leave it waiting for another.
static void native_idle(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
static void native_mask_interrupts(void) { __asm__ volatile("cli" : : : "memory"); }
static void native_write_task_priority(unsigned priority) { __asm__ volatile("mov %0, %%cr8" : : "r"((uint64_t)priority)); }

// --- page tables ----------------------------------------------------------------------------------------------------------

static pte_t native_make_pte(phys_t frame, uint64_t flags) { return frame | flags; }
static phys_t native_pte_frame(pte_t entry) { return entry & PTE_FRAME; }
static void native_set_pte(pte_t *entry, pte_t value) { *(volatile pte_t *)entry = value; }
static bool native_table_born(phys_t table, unsigned level) { return (void)table, (void)level, true; }
static void native_table_died(phys_t table) { (void)table; }
static void native_lazy(void) {}
static void native_load_root(phys_t root) { __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory"); }
static void native_flush_page(virt_t address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }
static virt_t native_fault_address(void) {
  virt_t address;
  __asm__ volatile("mov %%cr2, %0" : "=r"(address));
  return address;
}

// --- devices ----------------------------------------------------------------------------------------------------------------

static void native_console_write(const char *text, size_t length) {
  enum { kLineStatus = 5, kTransmitterEmpty = 0x20 };
  for (size_t i = 0; i < length; i++) {
    if (native_options.debug_console) out8(kPortDebugConsole, (uint8_t)text[i]);
    if (native_options.serial) {
      while (!(in8(kPortCom1 + kLineStatus) & kTransmitterEmpty)) {}
      out8(kPortCom1, (uint8_t)text[i]);
    }
  }
}

// Ringside's block device (vmm/devices/pio_block.h): name a sector, give a command, move 128 words.
static uint64_t native_block_pages(void) {
  const uint32_t sectors = in32(kPortBlockSectors);
  return sectors == 0xffffffff ? 0 : sectors / kSectorsPerPage;  // all ones: nobody answers
}

static bool native_block_transfer(enum block_direction direction, uint64_t page, phys_t frame) {
  for (unsigned i = 0; i < kSectorsPerPage; i++) {
    uint64_t words = kSectorBytes / 4;
    out32(kPortBlockSector, (uint32_t)(page * kSectorsPerPage + i));
    if (direction == kBlockRead) {
      out8(kPortBlockCommand, kBlockCommandRead);
      __asm__ volatile("rep insl" : "+D"(frame), "+c"(words) : "d"(kPortBlockData) : "memory");
    } else {
      __asm__ volatile("rep outsl" : "+S"(frame), "+c"(words) : "d"(kPortBlockData) : "memory");
      out8(kPortBlockCommand, kBlockCommandWrite);
    }
    if (in8(kPortBlockCommand)) return false;
  }
  return true;
}

static void native_marker(uint32_t value) { out32(kPortMarker, value); }

static void __attribute__((noreturn)) native_power_off(uint8_t status) {
  out8(kPortDebugExit, status);
  for (;;) __asm__ volatile("cli; hlt");  // a machine without the port: stand still, visibly
}

const struct machine_ops ops = {
    .large_pages = true,
    .init = native_init,
    .set_kernel_stack = native_set_kernel_stack,
    .start_timer = native_start_timer,
    .acknowledge_irq = native_acknowledge_irq,
    .repair_entry = quirk_repair_entry,
    .idle = native_idle,
    .mask_interrupts = native_mask_interrupts,
    .write_task_priority = native_write_task_priority,
    .make_pte = native_make_pte,
    .pte_frame = native_pte_frame,
    .set_pte = native_set_pte,
    .table_born = native_table_born,
    .table_died = native_table_died,
    .lazy_begin = native_lazy,
    .lazy_end = native_lazy,
    .load_root = native_load_root,
    .flush_page = native_flush_page,
    .fault_address = native_fault_address,
    .console_write = native_console_write,
    .port_in = in8,
    .block_pages = native_block_pages,
    .block_transfer = native_block_transfer,
    .marker = native_marker,
    .power_off = native_power_off,
};
