// GuestState: everything a guest can find in its processor, as it believes it to be; under a technique that is not what the real registers
// hold. Vcpus that know it give it (ModelVcpu::guest_state), lockstep tests compare it field by field.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "hwmodel/machine/cpu.h"
#include "vmm/core/registers.h"

namespace ringside::vmm {

struct GuestState {
  Registers registers;
  std::array<uint64_t, 4> dr{};
  uint64_t dr6 = 0, dr7 = 0;
  hw::FpuState fpu;
  std::array<hw::Xmm, 16> xmm{};
  uint32_t mxcsr = 0;
  hw::MsrState msr;
  uint8_t interrupt_shadow = 0;
  uint64_t tsc = 0;  // what RDTSC would give, with the machine's time
};

// What the CPU holds, taken as the guest's own.
GuestState guest_state_of(const hw::Cpu& cpu);

// The fields in a fixed order: their names ("rax", "cs.base", "msr.lstar") and their values.
const std::vector<std::string>& guest_state_names();
std::vector<uint64_t> guest_state_values(const GuestState& state);

}  // namespace ringside::vmm
