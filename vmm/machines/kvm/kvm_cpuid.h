// The CPUID a KVM guest sees: everything the host supports, with the values that belong to one vCPU filled in.
// Pure function of its inputs; called when a vCPU is made.
#pragma once

#include <linux/kvm.h>

#include <vector>

namespace ringside::vmm {

struct VcpuIdentity {
  unsigned id = 0;
  unsigned count = 1;          // vCPUs of the machine
  bool tsc_deadline = false;   // the in-kernel local APIC offers it
};

std::vector<kvm_cpuid_entry2> cpuid_for(std::vector<kvm_cpuid_entry2> supported, const VcpuIdentity& vcpu);

}  // namespace ringside::vmm
