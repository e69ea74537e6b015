// The results page: every experiment run with its defaults, as Markdown, and the pictures it shows.
// Called by `ringside experiment page`, which `./dev results` runs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/experiments/experiment.h"

namespace ringside::sim {

struct ResultsPage {
  std::string markdown;
  std::vector<std::pair<std::string, std::string>> pictures;  // file name beside the page, SVG
  Verdict verdict = Verdict::kAsExpected;                     // of all experiments together
};
Result<ResultsPage> results_page(const ExperimentOptions& options);

}  // namespace ringside::sim
