// The model: runs the same instruction from the same state at CPL 3 in 64-bit mode, with the window's pages mapped as on the host.
#pragma once

#include <memory>

#include "hwmodel/machine/cpu.h"
#include "tests/differential/native/test_case.h"

namespace ringside::differential {

class ModelCpu {
 public:
  ModelCpu();
  ~ModelCpu();
  // Runs case number `slot` of a batch; the answer stays valid until the next call.
  const Result& run(const Case& c, unsigned slot, const Page& read_only, const Page& read_write);

 private:
  void map_window();
  void load(const State& s, uint64_t rip);
  void store(State& s) const;

  struct Parts;
  std::unique_ptr<Parts> parts_;
  Result result_{};
};

}  // namespace ringside::differential
