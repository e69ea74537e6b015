// How the guest's kernel runs while it is deprivileged: its own code (technique trap), or something made from it (bt). The virtual CPU asks it
// at each entry into the kernel and after each trap from it; a guest's users always run their own code.
#pragma once

#include "hwmodel/machine/cpu.h"
#include "vmm/core/machine.h"
#include "vmm/core/ring_cpu.h"

namespace ringside::vmm {

class KernelCode {
 public:
  virtual ~KernelCode() = default;

  // The guest's kernel is about to run from context.rip; may lead it elsewhere. kEmulate: the virtual processor does the next instruction itself.
  enum class Enter : uint8_t { kRun, kEmulate };
  virtual Enter enter(hw::Cpu& /*guest*/, RingContext& /*context*/) { return Enter::kRun; }

  // It came out with `event`. Brings `context` back to the guest's terms.
  enum class Then : uint8_t {
    kTrap,     // the event is the guest's doing: handle it
    kResume,   // nothing the guest would know of: enter again
    kEmulate,  // the virtual processor does the instruction at context.rip (a call-out)
  };
  virtual Then leave(hw::Cpu& /*guest*/, RingContext& /*context*/, const RingEvent& /*event*/) { return Then::kTrap; }

  virtual std::vector<NamedCounter> counters() const { return {}; }
};

}  // namespace ringside::vmm
