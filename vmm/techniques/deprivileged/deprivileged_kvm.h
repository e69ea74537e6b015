// A deprivileged technique on the real processor: the same virtual PC and the same monitor, with the ring-0 stub of /dev/kvm below the guest and
// the host's time. Called by sim's machine factory for the techniques trap, bt and pv.
#pragma once

#include <string>

#include "vmm/techniques/deprivileged/deprivileged_machine.h"

namespace ringside::vmm {

// As create_deprivileged_machine, but for what `options` says of the processor, which is replaced.
Result<std::unique_ptr<ModelMachine>> create_deprivileged_kvm(DeprivilegedOptions options, const std::string& device = "/dev/kvm");

}  // namespace ringside::vmm
