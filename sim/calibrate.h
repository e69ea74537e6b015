// Calibration: what the host's own processor takes for the primitive operations that a program can time, as medians with
// their spread, and a cost profile that has them. What cannot be timed from here is taken from another profile and keeps
// its source. Called by `ringside calibrate`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hwmodel/cost/profile.h"
#include "traces/base/result.h"

namespace ringside::sim {

// One quantity, timed many times; each sample is the mean of many operations in a row.
struct Measurement {
  std::string_view name;                          // "syscall"; its meaning is the text of the key sim.calibrate.NAME
  double median = 0, quartile1 = 0, quartile3 = 0;  // ticks of the time-stamp counter for one operation
  uint64_t samples = 0;
};

struct Calibration {
  std::string machine;              // the processor's name
  double ticks_per_second = 0;      // of the time-stamp counter
  std::vector<Measurement> measurements;
  std::string kvm_missing;          // a sentence if the exits could not be measured
  const Measurement* find(std::string_view name) const;
};

struct CalibrateOptions {
  std::string kvm_device = "/dev/kvm";
};

// Takes about two seconds; the parts with KVM end after at most half a second each.
Result<Calibration> calibrate(const CalibrateOptions& options);

// `base` with what was measured in place of its numbers.
hw::CostProfile profile_of(const Calibration& calibration, const hw::CostProfile& base);

// Median and quartiles of samples, which are not empty.
Measurement summarise(std::string_view name, std::vector<double> samples);

}  // namespace ringside::sim
