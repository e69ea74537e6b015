// TimePlan: where a run changes between fast and detailed mode, in order. A change comes exactly before an instruction, or with a marker
// of the guest. Kept by the machine, which finds instructions and addresses itself and is told of markers.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hwmodel/cost/cpu_time.h"

namespace ringside::hw {

struct ModeChange {
  enum class At : uint8_t {
    kInstructions,  // when so many have retired
    kAddress,       // before the instruction at this rip
    kMarker,        // when the guest has written this value to its marker port
  };
  TimeMode to = TimeMode::kDetailed;
  At at = At::kInstructions;
  uint64_t value = 0;
};

class TimePlan {
 public:
  TimePlan() = default;
  explicit TimePlan(std::vector<ModeChange> changes) : changes_(std::move(changes)) {}
  // The change waited for; null: none is left.
  const ModeChange* next() const { return at_ < changes_.size() ? &changes_[at_] : nullptr; }
  const ModeChange* next(ModeChange::At kind) const { return next() && next()->at == kind ? next() : nullptr; }
  void advance() { ++at_; }

 private:
  std::vector<ModeChange> changes_;
  size_t at_ = 0;
};

}  // namespace ringside::hw
