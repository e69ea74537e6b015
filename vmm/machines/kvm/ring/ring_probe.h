// What the ring-0 stub can do on this host, found out by doing it: a few round trips timed, and a handful of instructions whose outcome differs
// between hosts. For `ringside doctor`, and for tests that compare hosts. Takes some hundredths of a second.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "traces/base/result.h"

namespace ringside::vmm {

// Something that holds on ordinary VT-x and AMD-V hosts. Where it does not, a guest that counts on it sees another processor than the modelled one.
struct RingFact {
  std::string_view name;      // stable, for JSON
  std::string_view text_key;  // in the catalogue: what a host does where it does not hold
  bool holds = false;
};

// Microseconds, over many times.
struct RingPrice {
  std::string_view name;  // a key below sim.calibrate
  double median = 0, quartile1 = 0, quartile3 = 0;
  unsigned samples = 0;
};

struct RingProbe {
  // A trap of CLI and back, a system call and back, and what another root and a table edit add to an entry.
  RingPrice trap{.name = "ring_trap"}, system_call{.name = "ring_syscall"}, root_load{.name = "ring_root"}, edit{.name = "ring_edit"};
  std::vector<RingFact> facts;
  bool holds(std::string_view name) const;
};

Result<RingProbe> probe_ring(const std::string& device = "/dev/kvm");

// In words.
std::string to_text(const RingProbe& probe);

}  // namespace ringside::vmm
