// Segment registers of a deprivileged guest against the shadow GDT: what the processor would load for a selector, and whether that is what the
// register is to hold. Pure; used by KvmRingCpu.
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu_state.h"
#include "vmm/machines/kvm/ring/ring_pages.h"

namespace ringside::vmm {

// The hidden part a load of `selector` takes from the GDT [SDM 3A figure 3-8 "Segment Descriptor"]; unusable for a null selector.
hw::Segment loaded_segment(const RingArea& gdt, uint16_t selector);

// Whether IRETQ leaves exactly `segment` in CS or SS. What a base or limit of 64-bit code or of its stack says doesn't matter.
enum class StackOrCode : uint8_t { kStack, kCode };
bool iret_loads(const RingArea& gdt, const hw::Segment& segment, StackOrCode which, bool wide);

// Descriptors of the monitor's own, below kMonitorCode and its neighbours of ring_layout.h.
void write_monitor_descriptors(const RingArea& gdt, uint64_t tss, uint16_t tss_limit);
hw::Segment monitor_code();
hw::Segment monitor_stack();
hw::Segment monitor_tss(uint64_t base, uint16_t limit);

}  // namespace ringside::vmm
