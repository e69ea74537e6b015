// The benchmarks, after the description of HyperBench (Wei, Zhang, Tu, POMACS 3(2), 2019): sensitive instructions, exits, memory, ports.
#include "bench.h"

static void nothing(uint64_t count) {
  while (count--) __asm__ volatile("");
}

// --- sensitive instructions that no hardware-assisted monitor needs to see ------------------------------------------------------------

static uint8_t table_register[16];

static void sgdt(uint64_t count) {
  while (count--) __asm__ volatile("sgdt %0" : "=m"(table_register));
}
static void sidt(uint64_t count) {
  while (count--) __asm__ volatile("sidt %0" : "=m"(table_register));
}
static void sldt(uint64_t count) {
  while (count--) __asm__ volatile("sldt %%ax" : : : "rax");
}
static void smsw(uint64_t count) {
  while (count--) __asm__ volatile("smsw %%ax" : : : "rax");
}
static void pushf_popf(uint64_t count) {
  while (count--) __asm__ volatile("pushfq; popfq" : : : "cc", "memory");
}
static void lgdt(uint64_t count) {
  extern uint8_t boot_gdt_pointer[];
  while (count--) __asm__ volatile("lgdt (%0)" : : "r"(boot_gdt_pointer));
}

// --- privileged instructions and exits -------------------------------------------------------------------------------------------------

static void set_cr3(uint64_t count) {
  uint64_t root;
  __asm__ volatile("mov %%cr3, %0" : "=r"(root));
  while (count--) __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

// A call nobody knows, so that only the way there and back is measured.
static void hypercall(uint64_t count) {
  while (count--) {
    uint64_t result = ~0ul;
    __asm__ volatile("vmcall" : "+a"(result));
  }
}

enum { kLineControl = 0x3fb };  // of the first serial port: reading and writing it back changes nothing

static uint8_t line_control(void) {
  uint8_t value;
  __asm__ volatile("inb %w1, %0" : "=a"(value) : "d"((uint16_t)kLineControl));
  return value;
}
static void in(uint64_t count) {
  while (count--) line_control();
}
static void out(uint64_t count) {
  const uint8_t value = line_control();
  while (count--) __asm__ volatile("outb %0, %w1" : : "a"(value), "d"((uint16_t)kLineControl));
}

// --- memory ----------------------------------------------------------------------------------------------------------------------------

// Pages that nobody has touched in this space, one after the other, each once.
static const uint64_t kColdStart = 64ul << 20;
static void cold_access(uint64_t count) {
  uint64_t address = kColdStart;
  for (; count; count--, address += kPage) (void)*(volatile uint8_t *)address;
}
static void cold_control(uint64_t count) {
  uint64_t address = kColdStart;
  for (; count; count--, address += kPage) __asm__ volatile("" : "+r"(address));
}

// The same few pages again and again: their translations stay in the TLB.
enum { kHotPages = 16 };
static const uint64_t kHotStart = 48ul << 20;
static void hot_access(uint64_t count) {
  for (; count; count--) (void)*(volatile uint8_t *)(kHotStart + count % kHotPages * kPage);
}
static void hot_control(uint64_t count) {
  for (; count; count--) {
    uint64_t address = kHotStart + count % kHotPages * kPage;
    __asm__ volatile("" : : "r"(address));
  }
}

static void set_page_table(uint64_t count) { space_load(space_create(count)); }
static void one_nothing(uint64_t count) { (void)count; }

const struct benchmark benchmarks[] = {
    {"SGDT", nothing, sgdt, 10000, kEverywhere},
    {"SIDT", nothing, sidt, 10000, kEverywhere},
    {"SLDT", nothing, sldt, 10000, kEverywhere},
    {"SMSW", nothing, smsw, 10000, kEverywhere},
    {"PUSHF-POPF", nothing, pushf_popf, 10000, kEverywhere},
    {"LGDT", nothing, lgdt, 10000, kEverywhere},
    {"Set_CR3", nothing, set_cr3, 10000, kEverywhere},
    {"Hypercall", nothing, hypercall, 1000, kOnlyInGuests},
    {"Hot_Memory_Access", hot_control, hot_access, 100000, kEverywhere},
    {"Cold_Memory_Access", cold_control, cold_access, 16384, kEverywhere},
    {"Set_Page_Table", one_nothing, set_page_table, 65536, kEverywhere},
    {"IN", nothing, in, 1000, kEverywhere},
    {"OUT", nothing, out, 1000, kEverywhere},
};
const unsigned benchmark_count = sizeof benchmarks / sizeof *benchmarks;
