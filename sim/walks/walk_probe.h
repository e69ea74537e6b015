// Runs a guest on the modelled machine and looks, where the run ends, at the walk an access to an address would make: without
// touching anything, so neither accessed flags nor TLBs nor counters know of it. Called by `ringside walk`.
#pragma once

#include <string>
#include <vector>

#include "sim/run.h"
#include "traces/base/result.h"
#include "traces/query/walk_listing.h"
#include "vmm/core/run_outcome.h"

namespace ringside::sim {

struct WalkProbe {
  uint64_t linear = 0;  // canonical
  traces::AccessKind kind = traces::AccessKind::kRead;
  enum class Who : uint8_t { kSupervisor, kUser } who = Who::kSupervisor;
};

// Whether an address can be walked at all: with five levels bits 63:56 are equal, with four 63:47.
bool is_canonical(uint64_t linear);

struct ProbedWalk {
  traces::WalkListing listing;
  vmm::RunOutcome outcome;
  uint64_t instructions = 0;
};

// `run` has no trace; machine model. Errors are those of execute().
Result<ProbedWalk> probe_walk(const Run& run, const WalkProbe& probe);

// The ways of translating that are compared where none is asked for: native, and hw with each paging of the model.
std::vector<Run> every_paging(const Run& run);

}  // namespace ringside::sim
