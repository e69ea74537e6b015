// Experiment exit-path.
// Question: what is on the path of one exit, under each technique, with a type 1 and with a type 2 monitor?
// Expected: the same steps; a type 2 monitor adds the way through the host to its user process where a device of that process is asked (in), and
//   nothing where none is (cr8wr).
// Source: definition; the prices are the cost profile's. Each step is counted: the difference of two runs, by category of modelled cycles.
#include "sim/comparison/measure.h"
#include "sim/experiments/experiment.h"
#include "sim/experiments/plot.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

struct Host {
  vmm::HostKind kind;
  const char* name;
};
constexpr Host kHosts[] = {{vmm::HostKind::kType1, "type1"}, {vmm::HostKind::kType2, "type2"}};
constexpr const char* kWorkloads[] = {"in", "cr8wr"};  // one that asks a device, one that does not

std::vector<Subject> with_a_monitor() {
  return {{"model", "trap", "shadow"}, {"model", "bt", "shadow"}, {"model", "hw", "shadow"}, {"model", "hw", "nested"}};
}

double of_category(const Measured& measured, std::string_view name) {
  for (const auto& [category, cycles] : measured.by_category)
    if (category == name) return cycles;
  return 0;
}

// Type 2 differs by the host switch alone, and only where a device is asked.
bool as_expected(std::string_view workload, const Measured& type1, const Measured& type2) {
  const double extra = type2.median - type1.median, host = of_category(type2, "host_switch");
  const bool device = workload == "in";
  return of_category(type1, "host_switch") == 0 && (host > 0) == device && extra > host - 1 && extra < host + 1;
}

Result<ExperimentResult> run(const ExperimentOptions& options) {
  ExperimentResult result;
  result.columns = {"workload", "technique", "paging", "host", "step", "cycles"};
  for (const char* name : kWorkloads) {
    const WorkloadFacts workload = BOOST_OUTCOME_TRYX(find_workload(name));
    for (const Subject& subject : with_a_monitor()) {
      Measured measured[2];
      for (unsigned h = 0; h < 2; ++h) {
        MeasureOptions how;
        how.profile = options.profile;
        how.host = kHosts[h].kind;
        measured[h] = BOOST_OUTCOME_TRYX(measure(subject, workload, how));
        if (!measured[h].reason.empty()) return fail(ExitCode::kGuestFailed, measured[h].reason);
        for (const auto& [category, cycles] : measured[h].by_category)
          result.rows.push_back({std::string(name), subject.technique, subject.paging, std::string(kHosts[h].name), std::string(category), cycles});
      }
      if (!as_expected(name, measured[0], measured[1])) result.verdict = Verdict::kNotAsExpected;
    }
  }
  return result;
}

std::string draw(const ExperimentResult& result) { return bars_svg(result, "step", "cycles", text::tr("sim.experiment.exit-path.title")); }

}  // namespace

Experiment exit_path_experiment() {
  return {"exit-path", "sim.experiment.exit-path.question", "sim.experiment.exit-path.expected", "sim.experiment.exit-path.source", run, {}, draw};
}

}  // namespace ringside::sim
