// The monitor's part of a deprivileged guest's linear address space: one entry of the top page table, in a slot the guest does not use (moved if
// it starts to). Everything a processor needs below the guest lies there: for the kvm stub GDT, IDT, TSS, gates and stack (supervisor only), for
// binary translation the translation cache and its state. Slot 257 first: Linux and Xen leave 256 to 271 to hypervisors, and a hypervisor
// that runs the host may keep the first of them from CPL 3 (kvm-pvm does).
//
//   base + 0        64 KiB  shadow GDT: the guest's descriptors with DPL 3, the monitor's own in the last ones    supervisor
//   base + 64 KiB   64 KiB  the machine's stub (machines/kvm): IDT, TSS, gates, stack                             supervisor
//   base + 1 MiB    64 KiB  state of translated code (techniques/bt)                                              user, kernel view only, read-write
//   base + 2 MiB    30 MiB  translation cache                                                                     user, kernel view only, read-execute
#pragma once

#include <cstdint>

namespace ringside::vmm::ring_layout {

constexpr unsigned kFirstSlot = 257;                 // of 512 in the top table
constexpr uint64_t kGdt = 0, kGdtBytes = 64 << 10;
constexpr uint64_t kStub = 64 << 10, kStubBytes = 64 << 10;
constexpr uint64_t kState = 1 << 20, kStateBytes = 64 << 10;
constexpr uint64_t kCode = 2 << 20, kCodeBytes = 30ull << 20;
constexpr uint64_t kBytes = 32ull << 20;

// The monitor's descriptors at the end of the shadow GDT: selectors with RPL 0.
constexpr uint16_t kMonitorCode = 0xffe0, kMonitorStack = 0xffe8, kMonitorTss = 0xfff0;  // the TSS takes two

// Linear address where the part begins, with the top table of four or five levels.
constexpr uint64_t base_of_slot(unsigned slot, unsigned levels) {
  const unsigned shift = levels == 5 ? 48 : 39, sign = levels == 5 ? 56 : 47;
  const uint64_t address = uint64_t{slot} << shift;
  return address >> sign & 1 ? address | ~0ull << sign : address;
}

}  // namespace ringside::vmm::ring_layout
