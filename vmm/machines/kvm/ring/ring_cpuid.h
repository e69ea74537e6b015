// The CPUID of the virtual processor below a deprivileged guest: what the modelled CPU announces, as far as the host has it. On hosts where CPUID
// doesn't leave the virtual machine at CPL 3 the guest sees the host's instead. Pure; called by KvmRingCpu when it is made.
#pragma once

#include <linux/kvm.h>

#include <vector>

#include "hwmodel/machine/cpu.h"

namespace ringside::vmm {

std::vector<kvm_cpuid_entry2> ring_cpuid(const hw::Cpu& model, const std::vector<kvm_cpuid_entry2>& host);
// MAXPHYADDR of the host's virtual machines; 36 where it doesn't say [SDM 3A 4.1.4].
unsigned physical_address_bits(const std::vector<kvm_cpuid_entry2>& host);

}  // namespace ringside::vmm
