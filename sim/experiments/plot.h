// A line plot of an experiment's table as an SVG file: one line for each column of values over one column, and a mark
// where the prediction lies. Called by the results page and `experiment run --svg`.
#pragma once

#include <string>

#include "sim/experiments/experiment.h"

namespace ringside::sim {

// `plot` names columns of numbers of `result`, which has at least two rows.
std::string to_svg(const ExperimentResult& result, const Plot& plot, const std::string& title);

// The picture of an experiment's result: its own drawing, or its plot.
bool has_picture(const Experiment& experiment);
std::string picture_of(const Experiment& experiment, const ExperimentResult& result);

// Stacked bars: one for each run of rows with the same text in the columns before `part`, with a piece as wide as the column `value` says for each
// of its rows, named by the column `part`.
std::string bars_svg(const ExperimentResult& result, const std::string& part, const std::string& value, const std::string& title);

}  // namespace ringside::sim
