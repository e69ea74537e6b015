// What writer and reader remember of the records before, within a chunk: the values that the next ones are predicted from.
// Both sides call predict() and note() in the same order, so the stored differences turn into the same numbers again.
#pragma once

#include <array>
#include <cstdint>

#include "traces/schema/events.h"

namespace ringside::traces {

class Prediction {
 public:
  void reset(uint64_t base_time) {
    time = base_time;
    rip = 0;
    vcpu = 0;
    entry_time_.fill(base_time);
    exit_time_.fill(base_time);
  }

  // The expected value of a field. `last` and `last_time`: of this field and of the event of its kind before.
  uint64_t predict(Predict how, uint64_t last, uint64_t last_time, uint64_t now, uint32_t cpu) const {
    switch (how) {
      case Predict::kZero: return 0;
      case Predict::kLast: return last;
      case Predict::kRip: return rip;
      case Predict::kSinceEntry: return now - entry_time_[cpu % kMaxVcpus];
      case Predict::kSinceExit: return now - exit_time_[cpu % kMaxVcpus];
      case Predict::kWithClock: return last + (now - last_time);
    }
    return 0;
  }
  void note_entry(uint64_t now, uint32_t cpu) { entry_time_[cpu % kMaxVcpus] = now; }
  void note_exit(uint64_t now, uint32_t cpu) { exit_time_[cpu % kMaxVcpus] = now; }

  uint64_t time = 0;  // of the last event of any kind
  uint64_t rip = 0;   // the last Predict::kRip value
  uint32_t vcpu = 0;  // of the last event

 private:
  std::array<uint64_t, kMaxVcpus> entry_time_{};
  std::array<uint64_t, kMaxVcpus> exit_time_{};
};

// First byte of a record [record.h].
inline constexpr uint8_t kKindMask = 0x3f;          // 63: the kind follows as a varint
inline constexpr uint8_t kOtherVcpu = 0x40;         // a varint with the vCPU follows
inline constexpr uint8_t kTimeBackwards = 0x80;     // the time difference counts backwards

}  // namespace ringside::traces
