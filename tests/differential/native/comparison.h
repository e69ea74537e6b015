// Runs batches on both CPUs and says where they differ. Used by the test and by the open-ended program.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/native/generator.h"
#include "tests/differential/native/host_cpu.h"
#include "tests/differential/native/model_cpu.h"

namespace ringside::differential {

// What differs between the real and the modelled result of a case; empty: nothing that is not to be ignored.
std::string difference(const Case& c, const Result& model, const Ignored& ignored, uint64_t operand_address);

struct Finding {
  std::string mnemonic, text;
};

struct Summary {
  uint64_t cases = 0, faults = 0, different = 0;
  std::map<std::string, uint64_t> per_mnemonic;
  std::vector<Finding> findings;   // at most kMostFindings of each mnemonic
};
inline constexpr unsigned kMostFindings = 3;

class Comparison {
 public:
  Comparison(const std::string& data_folder, const std::string& only) : differences_(data_folder), generator_(differences_, only) {}
  // A text: why there can be no comparison on this host.
  std::optional<std::string> open() { return host_.open(); }
  const Generator& generator() const { return generator_; }
  // `count` cases from `seed` on (batches are numbered from it). Throws std::runtime_error if the child process dies of a case.
  Summary run(uint64_t seed, uint64_t count);

 private:
  void compare(const Case& c, unsigned slot, uint64_t seed, const Page& read_only, const Page& read_write, Summary& summary);

  Differences differences_;
  Generator generator_;
  HostCpu host_;
  ModelCpu model_;
  std::map<std::string, unsigned> reported_;
};

}  // namespace ringside::differential
