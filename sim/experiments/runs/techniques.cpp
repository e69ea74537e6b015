// Experiment techniques.
// Question: what does one operation cost under each technique, on each machine?
// Expected: every combination that exists gives a figure, every other a reason; under trap, bt and pv code of the guest's processes runs between
//   exits as fast as natively (compute within 5 % on the model); and with the early-VT-x profile the orderings O1 and O2: bt below hw for in,
//   cr8wr, pgfault and ptemod, hw below bt for syscall, callret and divzero, bt below native for in and cr8wr.
// Source: Adams and Agesen, ASPLOS 2006, for the workloads and the orderings (the numbers of the paper are not used); invariants O1, O2.
// Rows of the machine kvm are the host's real time: they differ from host to host and decide nothing.
#include <fmt/format.h>

#include <map>

#include "sim/comparison/measure.h"
#include "sim/experiments/experiment.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

constexpr const char *kEarly = "early-vtx", *kModern = "modern";

// Of one profile on the model, by workload and technique/paging.
using Medians = std::map<std::pair<std::string, std::string>, double>;

struct Ordering {
  const char* workload;
  const char* less;
  const char* more;
};
constexpr Ordering kOrderings[] = {
    {"in", "bt/shadow", "hw/shadow"},      {"cr8wr", "bt/shadow", "hw/shadow"},     {"pgfault", "bt/shadow", "hw/shadow"},
    {"ptemod", "bt/shadow", "hw/shadow"},  {"syscall", "hw/shadow", "bt/shadow"},   {"callret", "hw/shadow", "bt/shadow"},
    {"divzero", "hw/shadow", "bt/shadow"}, {"in", "bt/shadow", "native/none"},      {"cr8wr", "bt/shadow", "native/none"},
};

std::string technique_of(const Subject& s) { return s.technique + "/" + s.paging + (s.isa == "x86" ? "" : "/" + s.isa); }

Result<void> measure_all(ExperimentResult& result, const hw::CostProfile& profile, std::string_view machine, Medians& medians) {
  MeasureOptions options;
  options.profile = profile;
  for (const WorkloadFacts& workload : comparable_workloads()) {
    for (const Subject& subject : all_subjects()) {
      if (subject.machine != machine) continue;
      const Measured m = BOOST_OUTCOME_TRYX(measure(subject, workload, options));
      const bool there = m.reason.empty();
      if (there) medians[{std::string(workload.name), technique_of(subject)}] = m.median;
      const std::string shown = machine == "model" ? profile.name : std::string();
      result.rows.push_back({std::string(workload.name), subject.technique + (subject.isa == "x86" ? "" : " (" + subject.isa + ")"), subject.paging,
                             subject.machine, shown, std::string(m.unit), there ? ExperimentResult::Value(m.median) : std::string(),
                             there ? ExperimentResult::Value(m.low) : std::string(), there ? ExperimentResult::Value(m.high) : std::string(),
                             there ? ExperimentResult::Value(m.exits) : std::string(), m.reason});
    }
  }
  return success();
}

enum class Tell : uint8_t { kNotOrdered, kTurned };

// How many of the orderings hold; a note for each that does not.
unsigned count_orderings(ExperimentResult& result, const Medians& medians, Tell tell) {
  unsigned held = 0;
  for (const Ordering& o : kOrderings) {
    const auto less = medians.find({o.workload, o.less}), more = medians.find({o.workload, o.more});
    if (less == medians.end() || more == medians.end()) continue;
    if (less->second < more->second) ++held;
    else result.notes.push_back(text::tr(tell == Tell::kTurned ? "sim.experiment.techniques.turned" : "sim.experiment.techniques.not_ordered", o.workload, o.less,
                                         fmt::format("{:.0f}", less->second), o.more, fmt::format("{:.0f}", more->second)));
  }
  return held;
}

// C2: with adaptive translation off each write of a page-table entry traps. Where an exit is as cheap as on a modern processor, bt then loses
// ptemod to hw; where it is as dear as on the first, its lead nearly vanishes.
bool adaptive_matters(ExperimentResult& result, const hw::CostProfile& profile, const Medians& medians) {
  MeasureOptions options;
  options.profile = profile;
  options.adaptive = vmm::bt::Adaptive::kOff;
  const auto workload = find_workload("ptemod");
  const auto off = measure({"model", "bt", "shadow"}, workload.value(), options);
  if (!off || !off.value().reason.empty()) return false;
  const double on = medians.at({"ptemod", "bt/shadow"}), hardware = medians.at({"ptemod", "hw/shadow"});
  result.notes.push_back(text::tr("sim.experiment.techniques.adaptive", fmt::format("{:.0f}", on), fmt::format("{:.0f}", off.value().median), fmt::format("{:.0f}", hardware), profile.name));
  return on < hardware && off.value().median > hardware;
}

bool compute_is_native(const Medians& medians) {
  const auto native = medians.find({"compute", "native/none"});
  if (native == medians.end()) return false;
  for (const char* technique : {"trap/shadow", "bt/shadow", "pv/direct"}) {
    const auto at = medians.find({"compute", technique});
    if (at != medians.end() && at->second > native->second * 1.05) return false;
  }
  return true;
}

Result<ExperimentResult> run(const ExperimentOptions& options) {
  ExperimentResult result;
  result.columns = {"workload", "technique", "paging", "machine", "profile", "unit", "median", "low", "high", "exits", "reason"};
  const hw::CostProfile early = BOOST_OUTCOME_TRYX(hw::load_cost_profile(kEarly));
  const hw::CostProfile modern = BOOST_OUTCOME_TRYX(hw::load_cost_profile(kModern));
  Medians with_early, with_modern, on_host;
  BOOST_OUTCOME_TRYV(measure_all(result, early, "model", with_early));
  BOOST_OUTCOME_TRYV(measure_all(result, modern, "model", with_modern));
  if (options.real_machine == RealMachine::kMeasured) {
    BOOST_OUTCOME_TRYV(measure_all(result, options.profile, "kvm", on_host));
  }
  const unsigned held = count_orderings(result, with_early, Tell::kNotOrdered);
  result.notes.insert(result.notes.begin(), text::tr("sim.experiment.techniques.held", held, std::size(kOrderings), kEarly));
  const unsigned still = count_orderings(result, with_modern, Tell::kTurned);
  result.notes.push_back(text::tr("sim.experiment.techniques.held", still, std::size(kOrderings), kModern));
  const bool expected = held == std::size(kOrderings) && compute_is_native(with_early) && adaptive_matters(result, modern, with_modern);
  if (!expected) result.verdict = Verdict::kNotAsExpected;
  return result;
}

}  // namespace

Experiment techniques_experiment() {
  return {"techniques", "sim.experiment.techniques.question", "sim.experiment.techniques.expected", "sim.experiment.techniques.source", run};
}

}  // namespace ringside::sim
