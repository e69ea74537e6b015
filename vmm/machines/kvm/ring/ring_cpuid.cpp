// Leaves of the model, feature bits masked by the host's.
#include "vmm/machines/kvm/ring/ring_cpuid.h"

#include <algorithm>

#include "hwmodel/exec/cpuid.h"

namespace ringside::vmm {

namespace {

const kvm_cpuid_entry2* find(const std::vector<kvm_cpuid_entry2>& list, uint32_t leaf, uint32_t subleaf) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const kvm_cpuid_entry2& e) {
    return e.function == leaf && (!(e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e.index == subleaf);
  });
  return it == list.end() ? nullptr : &*it;
}

// The local APIC, x2APIC and the TSC deadline are the monitor's to offer: these bits of leaf 1 stay as the model has them.
constexpr uint32_t kApicEcx = 1u << 21 | 1u << 24, kApicEdx = 1u << 9;

// Registers of a leaf that hold feature bits and nothing else.
void mask_features(kvm_cpuid_entry2& e, const std::vector<kvm_cpuid_entry2>& host) {
  const kvm_cpuid_entry2* can = find(host, e.function, e.index);
  const kvm_cpuid_entry2 none{};
  if (!can) can = &none;
  switch (e.function) {
    case 1:
      e.ecx &= can->ecx | kApicEcx;
      e.edx &= can->edx | kApicEdx;
      break;
    case 7:
      if (e.index == 0) e.ebx &= can->ebx, e.ecx &= can->ecx;
      e.edx &= can->edx;
      break;
    case 0x80000001: e.ecx &= can->ecx, e.edx &= can->edx; break;
    case 0x80000008: e.eax = (e.eax & ~0xffu) | std::min(e.eax & 0xff, physical_address_bits(host)); break;
    default: break;
  }
}

uint32_t subleaves(uint32_t leaf) {
  switch (leaf) {
    case 4: return 5;    // the last says there is no more
    case 7: return 3;
    case 0xb: return 3;
    default: return 1;
  }
}

}  // namespace

std::vector<kvm_cpuid_entry2> ring_cpuid(const hw::Cpu& model, const std::vector<kvm_cpuid_entry2>& host) {
  std::vector<kvm_cpuid_entry2> list;
  const auto add_range = [&](uint32_t first, uint32_t last) {
    for (uint32_t leaf = first; leaf <= last; ++leaf) {
      for (uint32_t subleaf = 0; subleaf < subleaves(leaf); ++subleaf) {
        const hw::CpuidResult r = hw::cpuid(model, leaf, subleaf);
        kvm_cpuid_entry2 e{};
        e.function = leaf;
        e.index = subleaf;
        e.flags = subleaves(leaf) > 1 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
        e.eax = r.eax, e.ebx = r.ebx, e.ecx = r.ecx, e.edx = r.edx;
        mask_features(e, host);
        list.push_back(e);
      }
    }
  };
  add_range(0, hw::kMaxBasicLeaf);
  add_range(0x80000000, hw::kMaxExtendedLeaf);
  return list;
}

unsigned physical_address_bits(const std::vector<kvm_cpuid_entry2>& host) {
  const kvm_cpuid_entry2* e = find(host, 0x80000008, 0);
  return e && (e->eax & 0xff) ? e->eax & 0xff : 36;
}

}  // namespace ringside::vmm
