// Experiment: a question, the answer expected, where that answer comes from, and the run that finds it out. Each is one
// file of runs/, which states the three in its head and defines <file name>_experiment(); the build lists the folder
// (experiments.cmake), so adding one touches one file. Called by `ringside experiment` and the results page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hwmodel/cost/profile.h"
#include "traces/base/result.h"

namespace ringside::sim {

// Rows of the host's real processor take minutes and differ from run to run.
enum class RealMachine : uint8_t { kMeasured, kLeftOut };

// What a run may be asked to change. The defaults give the numbers of the results page.
struct ExperimentOptions {
  hw::CostProfile profile;                // cycles of the primitive operations
  std::string tlb_profile = "park-2022";  // walk caches and nested TLB, where an experiment switches them on; exists
  RealMachine real_machine = RealMachine::kMeasured;
  std::vector<uint64_t> misses = {4096};  // `crossover`: TLB misses, one sweep for each
};

// Did the run find what was expected?
enum class Verdict : uint8_t { kAsExpected, kNotAsExpected };

struct ExperimentResult {
  using Value = std::variant<std::string, uint64_t, double>;  // reals are given with three decimals
  std::vector<std::string> columns;                           // names as in the CSV file
  std::vector<std::vector<Value>> rows;                       // as long as columns
  std::vector<std::string> notes;  // sentences: what was left out and why, what the verdict rests on
  Verdict verdict = Verdict::kAsExpected;
};

// Columns of numbers to draw: lines over x, and a vertical mark at the value of the column `mark` ("": none).
struct Plot {
  std::string x;  // "": no picture
  std::vector<std::string> lines;
  std::string mark;
};

struct Experiment {
  std::string_view name;                         // on the command line
  std::string_view question, expected, source;   // catalogue keys
  Result<ExperimentResult> (*run)(const ExperimentOptions&);
  Plot plot = {};
  std::string (*draw)(const ExperimentResult&) = nullptr;  // another picture, as SVG; null: `plot` says it all
};

// In alphabetical order of their files.
std::vector<Experiment> all_experiments();
// An error names the nearest experiment.
Result<Experiment> find_experiment(std::string_view name);

// RFC 4180: a header line, quotes where a cell needs them.
std::string to_csv(const ExperimentResult& result);
// A value as text: reals with three decimals.
std::string to_text(const ExperimentResult::Value& value);

}  // namespace ringside::sim
