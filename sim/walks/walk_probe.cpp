#include "sim/walks/walk_probe.h"

#include <fmt/format.h>

#include <cassert>

#include "hwmodel/mmu/walk_result.h"
#include "sim/runner.h"
#include "traces/base/text.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/machines/model/walk_event.h"

namespace ringside::sim {
namespace {

hw::AccessKind kind_of(traces::AccessKind kind) {
  switch (kind) {
    case traces::AccessKind::kRead: return hw::AccessKind::kRead;
    case traces::AccessKind::kWrite: return hw::AccessKind::kWrite;
    case traces::AccessKind::kFetch: return hw::AccessKind::kFetch;
  }
  return hw::AccessKind::kRead;
}

// The walk shown makes every reference; what the caches would spare an access now is said beside it.
std::string cached_sentence(const hw::Mmu::Cached& cached) {
  switch (cached.tlb) {
    case hw::Mmu::TlbLevel::kFirst: return text::tr("sim.walk.tlb_first");
    case hw::Mmu::TlbLevel::kSecond: return text::tr("sim.walk.tlb_second");
    case hw::Mmu::TlbLevel::kNone: break;
  }
  return cached.table_level ? text::tr("sim.walk.table_known", cached.table_level) : text::tr("sim.walk.nothing_cached");
}

traces::WalkListing peek(vmm::ModelMachine& machine, const WalkProbe& probe, const std::string& title) {
  const hw::Mmu& mmu = machine.hardware().cpu(0).mmu;
  const hw::AccessKind kind = kind_of(probe.kind);
  const auto mode = probe.who == WalkProbe::Who::kUser ? hw::AccessMode::kUser : hw::AccessMode::kSupervisor;
  hw::WalkResult walk;
  mmu.peek_walk(probe.linear, kind, mode, walk);
  traces::WalkListing listing = traces::list_walk(vmm::WalkEvent(walk).event(), title);
  listing.summary.push_back(cached_sentence(mmu.peek_cached(probe.linear, kind)));
  return listing;
}

}  // namespace

bool is_canonical(uint64_t linear) {
  const auto top = static_cast<int64_t>(linear) >> 56;
  return top == 0 || top == -1;
}

Result<ProbedWalk> probe_walk(const Run& run, const WalkProbe& probe) {
  assert(run.machine == "model" && run.level == traces::TraceLevel::kOff);
  ProbedWalk probed;
  const std::string title = run.paging == "none" ? run.technique : fmt::format("{} / {}", run.technique, run.paging);
  RunEnvironment environment;
  environment.signals = RunEnvironment::Signals::kStopTheRun;
  environment.at_end = [&](vmm::Machine& machine) { probed.listing = peek(dynamic_cast<vmm::ModelMachine&>(machine), probe, title); };
  RunReport report = BOOST_OUTCOME_TRYX(execute(run, environment));
  probed.instructions = report.outcome.totals.instructions;
  probed.outcome = std::move(report.outcome);
  return probed;
}

std::vector<Run> every_paging(const Run& run) {
  std::vector<Run> runs{run};
  runs[0].technique = "native";
  runs[0].paging = "none";
  for (const char* paging : {"shadow", "nested", "agile"}) {
    runs.push_back(run);
    runs.back().technique = "hw";
    runs.back().paging = paging;
  }
  return runs;
}

}  // namespace ringside::sim
