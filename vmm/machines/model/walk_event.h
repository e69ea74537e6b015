// A walk of the modelled hardware as an event of the trace: the same record from a live walk, a peek or a run. Called by the
// trace's recorder and by `ringside walk`.
#pragma once

#include <array>

#include "hwmodel/mmu/walk_result.h"
#include "traces/schema/events.h"

namespace ringside::vmm {

class WalkEvent {
 public:
  explicit WalkEvent(const hw::WalkResult& walk);
  // Its steps live in this object; its time is the caller's to set.
  traces::Walk event() const;

 private:
  traces::Walk event_;
  std::array<traces::WalkReference, hw::WalkResult::kMaxSteps> steps_;
};

}  // namespace ringside::vmm
