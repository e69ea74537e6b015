// What writer and reader remember of the records before, within a chunk: the values that the next ones are predicted from.
// Both sides call predict() and note() in the same order, so the stored differences turn into the same numbers again.
#pragma once

#include <array>
#include <cstdint>

#include "traces/schema/events.h"

namespace ringside::traces {

inline constexpr unsigned kSiteBits = 8;
inline constexpr size_t kSites = size_t{1} << kSiteBits;

class Prediction {
 public:
  void reset(uint64_t base_time) {
    time = base_time;
    vcpu = 0;
    set_rip(0);
    entry_time_.fill(base_time);
    exit_time_.fill(base_time);
  }

  // The expected value of a field. `last` and `last_time`: of this field and of the event of its kind before; with kSite,
  // `last` is the one kept for site().
  uint64_t predict(Predict how, uint64_t last, uint64_t last_time, uint64_t now, uint32_t cpu) const {
    switch (how) {
      case Predict::kZero: return 0;
      case Predict::kLast:
      case Predict::kSite: return last;
      case Predict::kRip: return rip_;
      case Predict::kSinceEntry: return now - entry_time_[cpu % kMaxVcpus];
      case Predict::kSinceExit: return now - exit_time_[cpu % kMaxVcpus];
      case Predict::kWithClock: return last + (now - last_time);
    }
    return 0;
  }
  // To be called with every Predict::kRip value.
  void set_rip(uint64_t rip) {
    rip_ = rip;
    site_ = static_cast<uint32_t>(rip * 0x9e3779b97f4a7c15ull >> (64 - kSiteBits));
  }
  // Where the values of the current instruction address are kept.
  uint32_t site() const { return site_; }
  void note_entry(uint64_t now, uint32_t cpu) { entry_time_[cpu % kMaxVcpus] = now; }
  void note_exit(uint64_t now, uint32_t cpu) { exit_time_[cpu % kMaxVcpus] = now; }

  uint64_t time = 0;  // of the last event of any kind
  uint32_t vcpu = 0;  // of the last event

 private:
  uint64_t rip_ = 0;
  uint32_t site_ = 0;
  std::array<uint64_t, kMaxVcpus> entry_time_{};
  std::array<uint64_t, kMaxVcpus> exit_time_{};
};

// First byte of a record: the kind and what does not follow.
inline constexpr uint8_t kKindMask = 0x1f;     // 31: the kind follows as a varint
inline constexpr uint8_t kOtherVcpu = 0x20;    // a varint with the vCPU follows, else it is that of the event before
inline constexpr uint8_t kSameTime = 0x40;     // no time difference follows: it is 0
inline constexpr uint8_t kAsPredicted = 0x80;  // no mask and no field follows

}  // namespace ringside::traces
