#include "sim/experiments/results_page.h"

#include <fmt/format.h>

#include "sim/experiments/plot.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

std::string table_of(const ExperimentResult& result) {
  const auto line = [](const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); };
  std::string out = line(result.columns) + line(std::vector<std::string>(result.columns.size(), "---"));
  for (const auto& row : result.rows) {
    std::vector<std::string> cells;
    for (const auto& value : row) cells.push_back(to_text(value));
    out += line(cells);
  }
  return out;
}

std::string section(const Experiment& experiment, const ExperimentResult& result, const std::string& picture) {
  std::string out = text::tr("sim.experiment.page.section", experiment.name, text::tr(experiment.question),
                             text::tr(experiment.expected), text::tr(experiment.source),
                             text::tr(result.verdict == Verdict::kAsExpected ? "sim.experiment.as_expected"
                                                                             : "sim.experiment.not_as_expected"));
  out += "\n\n" + table_of(result) + "\n";
  if (!picture.empty()) out += fmt::format("![{}]({})\n\n", experiment.name, picture);
  for (const std::string& note : result.notes) out += note + "\n\n";
  return out;
}

}  // namespace

Result<ResultsPage> results_page(const ExperimentOptions& options) {
  ResultsPage page;
  page.markdown = text::tr("sim.experiment.page.head", options.profile.name, options.profile.machine, options.tlb_profile) + "\n\n";
  for (const Experiment& experiment : all_experiments()) {
    const auto result = BOOST_OUTCOME_TRYX(experiment.run(options));
    if (result.verdict == Verdict::kNotAsExpected) page.verdict = Verdict::kNotAsExpected;
    std::string picture;
    if (has_picture(experiment)) {
      picture = fmt::format("{}.svg", experiment.name);
      page.pictures.emplace_back(picture, picture_of(experiment, result));
    }
    page.markdown += section(experiment, result, picture);
  }
  page.markdown.pop_back();  // one line end at the end
  return page;
}

}  // namespace ringside::sim
