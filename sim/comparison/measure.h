// Measures one workload of the teaching kernel under one subject: time and exits per operation, between the two markers the guest writes. On the
// model cycles of detailed mode, and the price of markers and of entering the measured part falls out by measuring twice with different counts;
// on kvm nanoseconds of the host's clock. Called by `ringside compare` and the experiment `techniques`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hwmodel/cost/profile.h"
#include "sim/comparison/subject.h"
#include "traces/base/result.h"
#include "traces/schema/exit_reason.h"
#include "vmm/core/host_kind.h"
#include "vmm/techniques/bt/engine.h"

namespace ringside::sim {

// What a workload does and how often it is done in one measurement.
struct WorkloadFacts {
  std::string_view name;
  uint64_t count;             // on the model
  uint64_t count_kvm;         // fewer: a host may interpret the kernel
  std::string_view meaning;   // catalogue key
};
std::vector<WorkloadFacts> comparable_workloads();
Result<WorkloadFacts> find_workload(std::string_view name);

struct MeasureOptions {
  hw::CostProfile profile;      // what cycles of the model cost
  unsigned repeats = 3;         // where time is real; the model needs one
  std::string kernel, pv_kernel;// "": those that were built with the program
  uint64_t count = 0;           // 0: the workload's own
  vmm::bt::Adaptive adaptive = vmm::bt::Adaptive::kOn;  // technique bt
  // Of techniques on the model that have a monitor. Type 1 in the comparison of Adams and Agesen: their monitors play the devices themselves.
  vmm::HostKind host = vmm::HostKind::kType1;
};

struct Measured {
  std::string reason;           // why there is nothing, in a sentence; "" where there is
  std::string_view unit = "cycles";
  double median = 0, low = 0, high = 0;        // of one operation
  double exits = 0;                            // of one operation
  std::map<traces::ExitReason, double> by_cause;  // likewise
  std::vector<std::pair<std::string_view, double>> by_category;  // cycles of the model by category, in the order of the account
};

// Errors are those of the request. A subject that cannot run here, or whose guest ends badly, is a Measured with its reason.
Result<Measured> measure(const Subject& subject, const WorkloadFacts& workload, const MeasureOptions& options);

}  // namespace ringside::sim
