#include "sim/comparison/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "sim/runner.h"
#include "sim/suggest.h"
#include "traces/base/text.h"
#include "vmm/core/recorder.h"
#include "vmm/core/trace_recorder.h"

namespace ringside::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;
enum Marker : uint32_t { kBegin = 1, kEnd = 2 };

// Listens to a run between its markers.
class Listener final : public vmm::Recorder {
 public:
  void on_exit(const vmm::Exit& exit) override {
    if (inside_ && !std::holds_alternative<vmm::InterruptedExit>(exit.cause)) ++exits_[vmm::reason_of(exit.cause)];
  }
  void on_marker(unsigned, Cycles time, uint32_t value) override {
    if (value == kBegin) {
      begin_ = time;
      inside_ = true;
      exits_.clear();
    } else if (value == kEnd && inside_) {
      elapsed_ = time - begin_;
      inside_ = false;
    }
  }
  const std::optional<uint64_t>& elapsed() const { return elapsed_; }
  const std::map<traces::ExitReason, uint64_t>& exits() const { return exits_; }

 private:
  bool inside_ = false;
  Cycles begin_;
  std::optional<uint64_t> elapsed_;
  std::map<traces::ExitReason, uint64_t> exits_;
};

// One run, whole: what it took, or why it did not get there.
struct Once {
  std::string reason;
  double elapsed = 0;
  std::map<traces::ExitReason, uint64_t> exits;
  std::vector<std::pair<std::string_view, uint64_t>> cycles;  // of the whole run, by category
};

Run run_of(const Subject& subject, const WorkloadFacts& workload, const MeasureOptions& options, uint64_t count) {
  Run run;
  run.machine = subject.machine;
  run.technique = subject.technique;
  run.paging = subject.paging;
  run.isa = subject.isa;
  const bool pv = subject.technique == "pv";
  const std::string& given = pv ? options.pv_kernel : options.kernel;
  run.guest.kernel = !given.empty() ? given : std::string(RINGSIDE_BUILT_GUESTS) + (pv ? "/teaching-pv.elf64" : "/teaching.elf64");
  run.guest.command_line = fmt::format("workload={} n={}", workload.name, count);
  if (subject.technique == "bt") run.adaptive = options.adaptive;
  run.memory = 64ull << 20;
  run.bounds.timeout = std::chrono::seconds(30);
  if (subject.machine == "model") {
    run.timing.mode = hw::TimeMode::kDetailed;
    run.timing.profile = options.profile;
    run.bounds.instructions = 2'000'000'000;
    if (subject.technique == "hw" || subject.technique == "trap" || subject.technique == "bt") run.timing.host = options.host;
  }
  return run;
}

Once once(const Run& run) {
  Listener listener;
  RunEnvironment environment;
  environment.listener = &listener;
  const auto report = execute(run, environment);
  if (!report) return {report.error().message, 0, {}, {}};
  // A paravirtual guest ends by a hypercall.
  const vmm::RunOutcome& outcome = report.value().outcome;
  const bool good = (outcome.end == vmm::RunEnd::kDebugExit && outcome.exit_value == 0) || (run.technique == "pv" && outcome.end == vmm::RunEnd::kPoweredOff);
  if (!good || !listener.elapsed()) return {text::tr("sim.compare.ended", vmm::sentence(outcome)), 0, {}, {}};
  return {.reason = "", .elapsed = static_cast<double>(*listener.elapsed()), .exits = listener.exits(), .cycles = report.value().cycles};
}

// Two runs, the second with twice the count: their difference is `count` operations and nothing else.
Once difference(const Subject& subject, const WorkloadFacts& workload, const MeasureOptions& options, uint64_t count) {
  const Once first = once(run_of(subject, workload, options, count));
  if (!first.reason.empty()) return first;
  Once second = once(run_of(subject, workload, options, 2 * count));
  if (!second.reason.empty()) return second;
  second.elapsed -= first.elapsed;
  for (auto& [reason, number] : second.exits) {
    const auto at = first.exits.find(reason);
    const uint64_t before = at == first.exits.end() ? 0 : at->second;
    number = number > before ? number - before : 0;
  }
  for (size_t i = 0; i < second.cycles.size() && i < first.cycles.size(); ++i)
    second.cycles[i].second -= std::min(second.cycles[i].second, first.cycles[i].second);
  return second;
}

// Real time is too uneven for differences of runs: one run, in which the two markers are a small part.
Once whole(const Subject& subject, const WorkloadFacts& workload, const MeasureOptions& options, uint64_t count) {
  return once(run_of(subject, workload, options, count));
}

// The interpreter looks at the host's clock only every so many instructions, and is fast where a host interprets kernels slowly.
uint64_t count_of(const Subject& subject, const WorkloadFacts& workload) {
  if (subject.machine == "model") return workload.count;
  return subject.technique == "emulate" ? std::max(10 * workload.count, workload.count_kvm / 10) : workload.count_kvm;
}

}  // namespace

std::vector<WorkloadFacts> comparable_workloads() {
  return {{"syscall", 200, 100, "sim.workload.syscall"},     {"in", 200, 100, "sim.workload.in"},
          {"cr8wr", 200, 100, "sim.workload.cr8wr"},         {"callret", 2000, 1000, "sim.workload.callret"},
          {"pgfault", 200, 50, "sim.workload.pgfault"},      {"divzero", 200, 100, "sim.workload.divzero"},
          {"ptemod", 200, 100, "sim.workload.ptemod"},       {"int80", 200, 100, "sim.workload.int80"},
          {"forkwait", 10, 4, "sim.workload.forkwait"},      {"ctxswitch", 50, 20, "sim.workload.ctxswitch"},
          {"timer", 5, 3, "sim.workload.timer"},             {"console", 10, 5, "sim.workload.console"},
          {"block", 20, 5, "sim.workload.block"},            {"compute", 100000, 100'000'000, "sim.workload.compute"},
          {"tlb", 10000, 10000, "sim.workload.tlb"}};
}

Result<WorkloadFacts> find_workload(std::string_view name) {
  std::vector<std::string> names;
  for (const WorkloadFacts& workload : comparable_workloads()) {
    if (workload.name == name) return workload;
    names.emplace_back(workload.name);
  }
  return fail(ExitCode::kUsage, text::tr("sim.compare.unknown_workload", name, suggestion(std::string(name), names), fmt::format("{}", fmt::join(names, ", "))));
}

Result<Measured> measure(const Subject& subject, const WorkloadFacts& workload, const MeasureOptions& options) {
  const bool model = subject.machine == "model";
  const uint64_t count = options.count ? options.count : count_of(subject, workload);
  Measured measured;
  measured.unit = model ? "cycles" : "ns";
  std::vector<double> times;
  for (unsigned i = 0; i < (model ? 1 : options.repeats); ++i) {
    const Once d = model ? difference(subject, workload, options, count) : whole(subject, workload, options, count);
    if (!d.reason.empty()) {
      measured.reason = d.reason;
      return measured;
    }
    times.push_back(std::max(0.0, d.elapsed) / static_cast<double>(count));
    measured.by_cause.clear();
    measured.exits = 0;
    measured.by_category.clear();
    for (const auto& [category, cycles] : d.cycles)
      if (cycles) measured.by_category.emplace_back(category, static_cast<double>(cycles) / static_cast<double>(count));
    for (const auto& [reason, number] : d.exits) {
      if (!number) continue;
      measured.by_cause[reason] = static_cast<double>(number) / static_cast<double>(count);
      measured.exits += measured.by_cause[reason];
    }
  }
  std::ranges::sort(times);
  measured.low = times.front();
  measured.high = times.back();
  measured.median = times[times.size() / 2];
  return measured;
}

}  // namespace ringside::sim
