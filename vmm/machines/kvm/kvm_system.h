// The host's KVM as a whole: /dev/kvm opened and checked, its capabilities, the CPUID it can give a guest.
// Used by KvmMachine and by the host report (core/host_report).
#pragma once

#include <linux/kvm.h>

#include <vector>

#include "vmm/machines/kvm/kvm_call.h"

namespace ringside::vmm {

// What this program asks of KVM; missing ones are either fatal (see open) or worked around and noted.
struct KvmCapabilities {
  bool immediate_exit = false;
  bool irqchip = false;
  bool pit = false;
  bool sync_regs = false;        // general and system registers shared in kvm_run
  bool guest_debug = false;
  bool user_space_msr = false;
  bool stats_fd = false;
  bool tsc_deadline = false;
  bool vcpu_events = false;
  bool mp_state = false;
  unsigned max_vcpus = 1;
};

class KvmSystem {
 public:
  // Opens `path` and checks the API version and the capabilities nothing works without (user memory, immediate_exit).
  static Result<KvmSystem> open(const char* path = "/dev/kvm");

  const Fd& fd() const { return fd_; }
  const KvmCapabilities& capabilities() const { return capabilities_; }
  size_t run_area_bytes() const { return run_area_bytes_; }
  // Everything the host can announce to a guest, before per-vCPU values are filled in.
  Result<std::vector<kvm_cpuid_entry2>> supported_cpuid() const;

 private:
  Fd fd_;
  KvmCapabilities capabilities_;
  size_t run_area_bytes_ = 0;
};

}  // namespace ringside::vmm
