// The comparison with the real CPU as a program, open-ended: `ringside_native_differential --seed 1 --count 1000000 [--only MNEMONIC*]`.
// Exit codes: 0 no difference, 1 differences found, 2 wrong use, 77 not possible on this host.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/differential/native/comparison.h"

using namespace ringside::differential;

namespace {

constexpr int kNoDifference = 0, kDifferences = 1, kUsage = 2, kNotPossible = 77;

struct Options {
  uint64_t seed = 1, count = 1'000'000;
  std::string only, data = RINGSIDE_DIFFERENTIAL_DATA;
};

bool parse(int argc, char** argv, Options& out) {
  if (const char* seed = std::getenv("RINGSIDE_DIFFERENTIAL_SEED")) out.seed = std::strtoull(seed, nullptr, 0);
  if (const char* count = std::getenv("RINGSIDE_DIFFERENTIAL_COUNT")) out.count = std::strtoull(count, nullptr, 0);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--seed") out.seed = std::strtoull(argv[i + 1], nullptr, 0);
    else if (name == "--count") out.count = std::strtoull(argv[i + 1], nullptr, 0);
    else if (name == "--only") out.only = argv[i + 1];
    else if (name == "--data") out.data = argv[i + 1];
    else return false;
  }
  return argc % 2 == 1 && out.count > 0;
}

int compare(const Options& options) {
  Comparison comparison(options.data, options.only);
  if (comparison.generator().mnemonics().empty()) {
    fmt::print(stderr, "no instruction matches '{}'\n", options.only);
    return kUsage;
  }
  if (const auto reason = comparison.open()) {
    fmt::print(stderr, "not possible here: {}\n", *reason);
    return kNotPossible;
  }
  const Summary summary = comparison.run(options.seed, options.count);
  for (const Finding& finding : summary.findings) fmt::print("{}", finding.text);
  fmt::print("{} cases of {} instructions, {} of them faulting, {} different\n", summary.cases, summary.per_mnemonic.size(), summary.faults, summary.different);
  return summary.different ? kDifferences : kNoDifference;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "usage: {} [--seed N] [--count N] [--only MNEMONIC] [--data FOLDER]\n", argv[0]);
    return kUsage;
  }
  try {
    return compare(options);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return kDifferences;
  }
}
