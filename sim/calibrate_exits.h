// Times the exits of a tiny guest on the host's KVM: one kind that the kernel answers, one that a user process answers.
// Called by calibrate.cpp.
#pragma once

#include <string>
#include <vector>

#include "sim/calibrate.h"

namespace ringside::sim {

// "exit_kernel" (CPUID) and "exit_user" (OUT). An error where KVM is missing or ends the guest.
Result<std::vector<Measurement>> measure_exits(const std::string& kvm_device);

}  // namespace ringside::sim
