#include "sim/experiments/experiment.h"

#include <fmt/format.h>

#include "sim/suggest.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

Result<Experiment> find_experiment(std::string_view name) {
  std::vector<std::string> names;
  for (const Experiment& experiment : all_experiments()) {
    if (experiment.name == name) return experiment;
    names.emplace_back(experiment.name);
  }
  return fail(ExitCode::kUsage,
              text::tr("sim.experiment.unknown", name, suggestion(name, names), fmt::join(names, ", ")));
}

std::string to_text(const ExperimentResult::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<uint64_t>(&value)) return std::to_string(*number);
  return fmt::format("{:.3f}", std::get<double>(value));
}

std::string to_csv(const ExperimentResult& result) {
  std::string out;
  for (size_t i = 0; i < result.columns.size(); ++i) out += (i ? "," : "") + quoted(result.columns[i]);
  out += '\n';
  for (const auto& row : result.rows) {
    for (size_t i = 0; i < row.size(); ++i) out += (i ? "," : "") + quoted(to_text(row[i]));
    out += '\n';
  }
  return out;
}

}  // namespace ringside::sim
