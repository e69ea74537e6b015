// What a deprivileged technique tells whoever watches it: when the guest changes between its kernel and its processes, and which instructions the
// virtual processor did for it. Implemented by the trace's recorder (vmm/machines/model/inside_recorder.h). Observing never changes anything.
#pragma once

#include <cstdint>

#include "traces/schema/exit_reason.h"

namespace ringside::vmm {

class GuestObserver {
 public:
  virtual ~GuestObserver() = default;
  // From now on the guest runs at privilege `cpl` of its own, from `rip`.
  virtual void on_guest_mode(uint8_t cpl, uint64_t rip) = 0;
  // The virtual processor did the instruction at `rip`; `why`: what it was about.
  virtual void on_emulation(uint64_t rip, traces::ExitReason why) = 0;
};

}  // namespace ringside::vmm
