// Registers between this program's form and KVM's. Pure; called by KvmVcpu and KvmRingCpu.
#pragma once

#include <linux/kvm.h>

#include "vmm/core/registers.h"

namespace ringside::vmm {

hw::Segment segment_of(const kvm_segment& segment);
kvm_segment kvm_segment_of(const hw::Segment& segment);
kvm_segment& segment_in(kvm_sregs& sregs, hw::SegmentName name);

Registers registers_of(const kvm_regs& regs, const kvm_sregs& sregs);
kvm_regs kvm_regs_of(const Registers& registers);
// The general registers alone.
kvm_regs kvm_regs_of(const std::array<uint64_t, 16>& gpr);
void gpr_of(const kvm_regs& regs, std::array<uint64_t, 16>& gpr);
// Overwrites what Registers names in `sregs` and keeps the rest (APIC base, pending interrupts).
void apply_registers(const Registers& registers, kvm_sregs& sregs);

}  // namespace ringside::vmm
