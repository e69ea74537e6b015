// The bounds of a run: no guest may hang the program. Every bound is optional; the stop flag always works.
// Filled by the command line, checked by the run loop (core/run_loop.h), passed on to the machine as RunBounds.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "traces/base/types.h"

namespace ringside::vmm {

struct RunLimits {
  std::optional<std::chrono::nanoseconds> wall_time;   // --timeout, host time
  std::optional<Cycles> guest_time;                    // bound in the machine's own clock, from the start of the run
  std::optional<uint64_t> instructions;                // --max-instructions; only where Capabilities::counts_instructions
  std::optional<uint64_t> exits;                       // --max-exits
  std::optional<uint32_t> marker;                      // --until-marker: the guest writes this value to the marker port
  // Set from a signal handler (Ctrl-C) together with Vcpu::interrupt(); the run ends as soon as the guest is out. May be null.
  const std::atomic<bool>* stop = nullptr;
};

// What one Vcpu::run has to observe: absolute, computed by the run loop from RunLimits.
struct RunBounds {
  std::chrono::steady_clock::time_point wall_deadline = std::chrono::steady_clock::time_point::max();
  uint64_t instruction_deadline = ~0ull;  // in retired instructions of this vCPU (Vcpu::instructions)
  Cycles guest_deadline{~0ull};           // in Machine::clock time
};

}  // namespace ringside::vmm
