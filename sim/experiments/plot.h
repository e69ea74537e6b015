// A line plot of an experiment's table as an SVG file: one line for each column of values over one column, and a mark
// where the prediction lies. Called by the results page and `experiment run --svg`.
#pragma once

#include <string>

#include "sim/experiments/experiment.h"

namespace ringside::sim {

// `plot` names columns of numbers of `result`, which has at least two rows.
std::string to_svg(const ExperimentResult& result, const Plot& plot, const std::string& title);

}  // namespace ringside::sim
