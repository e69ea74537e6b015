// What a return of KVM_RUN means: kvm_run's exit reason and union turned into an ExitCause. Pure, testable without KVM.
// Called by KvmVcpu.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>

#include "vmm/core/exit.h"
#include "vmm/core/registers.h"

namespace ringside::vmm {

// `area` is the whole mapping that starts with `run`; port data lies in it.
ExitCause classify(kvm_run& run, std::span<uint8_t> area, const Registers& registers);

// How far before rip the I/O instruction of a port exit starts: 0 if rip is still at it. KVM leaves rip behind an OUT it
// emulated in software and at one it did in its fast path; `before` holds the bytes up to rip (the last byte is at rip - 1),
// `at` those from rip on.
unsigned port_instruction_distance(const PortExit& exit, std::span<const uint8_t> before, std::span<const uint8_t> at);

}  // namespace ringside::vmm
