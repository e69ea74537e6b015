// KVM's own statistics of a VM or vCPU (exits, emulated instructions, page faults, TLB flushes ...), read from the file
// descriptor of KVM_GET_STATS_FD [Linux Documentation/virt/kvm/api.rst 4.133].
#pragma once

#include <string>
#include <vector>

#include "vmm/core/machine.h"
#include "vmm/machines/kvm/kvm_call.h"

namespace ringside::vmm {

class KvmStats {
 public:
  // Reads names and offsets once; `prefix` starts each counter's name ("kvm.vcpu0.").
  static Result<KvmStats> open(const Fd& vm_or_vcpu, std::string prefix);
  // Appends the counters' values now. Histograms are left out: their buckets are not counters. Silent on a read error.
  void append_to(std::vector<NamedCounter>& counters) const;

 private:
  struct Field {
    std::string name;
    uint64_t offset;
  };
  Fd fd_;
  uint64_t data_offset_ = 0, data_bytes_ = 0;
  std::vector<Field> fields_;
};

}  // namespace ringside::vmm
