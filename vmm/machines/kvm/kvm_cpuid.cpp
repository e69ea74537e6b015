// Fills the per-vCPU fields of CPUID [SDM 2A CPUID].
#include "vmm/machines/kvm/kvm_cpuid.h"

#include <cstdint>

namespace ringside::vmm {

namespace {
constexpr uint32_t kTscDeadline = 1u << 24;  // leaf 1 ECX
}

std::vector<kvm_cpuid_entry2> cpuid_for(std::vector<kvm_cpuid_entry2> entries, const VcpuIdentity& vcpu) {
  for (kvm_cpuid_entry2& e : entries) {
    switch (e.function) {
      case 1:
        // EBX 31:24 initial APIC id, 23:16 logical processors, 15:8 CLFLUSH size (kept), 7:0 brand (kept).
        e.ebx = (e.ebx & 0xffff) | (vcpu.count & 0xff) << 16 | (vcpu.id & 0xff) << 24;
        // KVM leaves this bit to user space because it depends on the in-kernel APIC [Linux api.rst 4.46].
        e.ecx = vcpu.tsc_deadline ? e.ecx | kTscDeadline : e.ecx & ~kTscDeadline;
        break;
      case 0xb:
      case 0x1f: e.edx = vcpu.id; break;  // x2APIC id, in every subleaf
      default: break;
    }
  }
  return entries;
}

}  // namespace ringside::vmm
