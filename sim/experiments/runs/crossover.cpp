// Experiment crossover.
// Question: when does shadow paging beat nested paging?
// Expected: while u E < m (Rn - Rs) r, for u page-table updates that trap, m TLB misses, E cycles a trap, R references a
//   walk and r cycles a reference: exactly one sign change as u grows, at u = m (Rn - Rs) r / E within the sweep's step.
// Source: arithmetic (crossover C1); E and r are the cost profile's, with their sources there.
// Rn and Rs are measured by walking tables of both kinds. In the sweep every miss is walked again and its references
// counted, over other pages than those the prediction rests on. Walk caches are off, as in the rule.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "hwmodel/cost/meter.h"
#include "sim/experiments/experiment.h"
#include "sim/experiments/walk_world.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

using hw::Primitive;

constexpr uint64_t kPages = 8192, kFirstPage = 0x40000000, kFirstFrame = uint64_t{64} << 20;  // 32 MiB
constexpr uint64_t kSteps = 24;                   // of a sweep; the computed point lies at two thirds
constexpr uint64_t kMostMisses = 1'000'000;       // keeps a sweep within seconds
enum Seed : uint32_t { kPrediction = 1, kSweep = 2 };

// One kind of paging: its tables, and walks to random pages of them.
class Walks {
 public:
  static Result<Walks> create(WalkMode mode) {
    WalkSetup setup;
    setup.mode = mode;
    Walks walks;
    walks.world_ = BOOST_OUTCOME_TRYX(WalkWorld::create(setup));
    for (uint64_t i = 0; i < kPages; ++i) walks.world_->map(kFirstPage + i * kPageSize, kFirstFrame + i * kPageSize);
    return walks;
  }
  // References of `count` TLB misses.
  uint64_t references(uint64_t count, Seed seed) {
    std::mt19937 random(seed);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const hw::WalkResult& walk = world_->walk(kFirstPage + random() % kPages * kPageSize);
      all_translated_ &= walk.outcome == hw::WalkOutcome::kTranslated;
      sum += walk.references();
    }
    return sum;
  }
  bool all_translated() const { return all_translated_; }

 private:
  std::unique_ptr<WalkWorld> world_;
  bool all_translated_ = true;
};

// A write to a guest table under shadow paging: exit, monitor's work, entry. Under nested paging it is a store.
void trap(hw::CycleMeter& meter, uint64_t times) {
  for (const Primitive p : {Primitive::kVmExit, Primitive::kDispatch, Primitive::kPageTableWrite, Primitive::kVmEntry})
    meter.spend(p, times);
}

uint64_t trap_cycles(const hw::CostTable& costs) {
  hw::CycleMeter meter(costs);
  trap(meter, 1);
  return meter.elapsed().value;
}

uint64_t cycles(const hw::CostTable& costs, uint64_t traps, uint64_t references) {
  hw::CycleMeter meter(costs);
  trap(meter, traps);
  meter.spend(Primitive::kWalkReference, references);
  meter.account().assert_balances(meter.elapsed());
  return meter.elapsed().value;
}

// One sweep of u at fixed m: its rows, and whether the only sign change lies where it was computed.
Verdict sweep(ExperimentResult& result, const hw::CostTable& costs, uint64_t m, double break_even, Walks& shadow,
              Walks& nested) {
  const uint64_t step = static_cast<uint64_t>(break_even * 1.5 / kSteps) + 1;
  unsigned changes = 0;
  double change_at = -1;
  bool shadow_was_better = true;  // at u = 0 it is, or there is a change at once
  for (uint64_t i = 0; i <= kSteps; ++i) {
    const uint64_t u = i * step;
    const uint64_t shadow_cycles = cycles(costs, u, shadow.references(m, kSweep));
    const uint64_t nested_cycles = cycles(costs, 0, nested.references(m, kSweep));
    const bool shadow_better = shadow_cycles < nested_cycles;
    if (shadow_better != shadow_was_better) {
      ++changes;
      change_at = static_cast<double>(u);
    }
    shadow_was_better = shadow_better;
    result.rows.push_back({u, m, shadow_cycles, nested_cycles, break_even});
  }
  const double before = change_at - static_cast<double>(step);
  return changes == 1 && before <= break_even && break_even <= change_at ? Verdict::kAsExpected : Verdict::kNotAsExpected;
}

Result<ExperimentResult> run(const ExperimentOptions& options) {
  const hw::CostTable costs = options.profile.table();
  const uint64_t trap_cost = trap_cycles(costs), reference_cost = costs.of(Primitive::kWalkReference);
  if (!trap_cost || !reference_cost)
    return fail(ExitCode::kInput, text::tr("sim.experiment.crossover.free", options.profile.name));
  auto shadow = BOOST_OUTCOME_TRYX(Walks::create(WalkMode::kShadow));
  auto nested = BOOST_OUTCOME_TRYX(Walks::create(WalkMode::kNested));
  constexpr uint64_t kSample = 4096;
  const double shadow_refs = static_cast<double>(shadow.references(kSample, kPrediction)) / kSample;
  const double nested_refs = static_cast<double>(nested.references(kSample, kPrediction)) / kSample;

  ExperimentResult result;
  result.columns = {"u", "m", "shadow_cycles", "nested_cycles", "predicted_break_even"};
  for (const uint64_t m : options.misses) {
    if (m == 0 || m > kMostMisses)
      return fail(ExitCode::kUsage, text::tr("sim.experiment.crossover.misses", m, kMostMisses));
    const double break_even = static_cast<double>(m) * (nested_refs - shadow_refs) *
                              static_cast<double>(reference_cost) / static_cast<double>(trap_cost);
    if (sweep(result, costs, m, break_even, shadow, nested) == Verdict::kNotAsExpected)
      result.verdict = Verdict::kNotAsExpected;
  }
  if (!shadow.all_translated() || !nested.all_translated()) result.verdict = Verdict::kNotAsExpected;
  result.notes = {text::tr("sim.experiment.crossover.numbers", options.profile.name, trap_cost, reference_cost,
                           fmt::format("{:.2f}", shadow_refs), fmt::format("{:.2f}", nested_refs))};
  return result;
}

}  // namespace

Experiment crossover_experiment() {
  return {"crossover", "sim.experiment.crossover.question", "sim.experiment.crossover.expected",
          "sim.experiment.crossover.source", run,
          {"u", {"shadow_cycles", "nested_cycles"}, "predicted_break_even"}};
}

}  // namespace ringside::sim
