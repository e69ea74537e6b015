// What a trace says about memory against what the machine and the monitor counted themselves: every walk with every reference at
// level `walks`, every step of each paging at level `exits`. And recording more changes nothing for the guest.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>

#include "sim/runner.h"
#include "tests/catch.h"
#include "traces/read/reader.h"

using namespace ringside;
using traces::PagingOperation;

namespace {

struct Seen {
  std::string console;
  uint64_t walks = 0, references = 0, listed = 0;
  std::array<uint64_t, traces::kWalkModeNames.size()> modes{};
  std::map<PagingOperation, uint64_t> operations;
  std::map<std::string, uint64_t, std::less<>> counters;
  uint64_t counter(const std::string& name) const {
    const auto at = counters.find(name);
    return at == counters.end() ? 0 : at->second;
  }
  uint64_t of(PagingOperation operation) const {
    const auto at = operations.find(operation);
    return at == operations.end() ? 0 : at->second;
  }
};

Seen run(const std::string& technique, const std::string& paging, traces::TraceLevel level) {
  sim::Run run;
  run.technique = technique;
  run.paging = paging;
  run.guest.kernel = RINGSIDE_TEACHING_KERNEL;
  run.memory = 64 << 20;
  run.bounds.timeout = std::chrono::seconds(60);
  run.level = level;
  run.trace_file = (std::filesystem::temp_directory_path() / ("ringside-paging-" + std::to_string(getpid()) + ".rst")).string();
  Seen seen;
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return seen.console += static_cast<char>(byte), true; };
  const auto report = sim::execute(run, environment);
  if (!report) FAIL(report.error().message);
  const auto reader = traces::Reader::open(run.trace_file);
  REQUIRE(reader);
  reader.value().visit(traces::overloaded{
      [&](const traces::Walk& walk) {
        ++seen.walks;
        ++seen.modes[static_cast<size_t>(walk.mode)];
        seen.references += walk.references;
        seen.listed += walk.steps.size();
      },
      [&](const traces::Paging& step) { ++seen.operations[step.operation]; },
      [&](const traces::Counter& counter) { seen.counters[std::string(counter.name)] = counter.value; },
  });
  std::filesystem::remove(run.trace_file);
  return seen;
}

}  // namespace

TEST_CASE("level walks records every walk with every reference, and the guest does not notice") {
  for (const auto& [technique, paging, mode] : {std::tuple{"native", "none", traces::WalkMode::kNative}, {"hw", "nested", traces::WalkMode::kNested},
                                                {"hw", "shadow", traces::WalkMode::kShadow}, {"hw", "agile", traces::WalkMode::kAgile}}) {
    INFO(technique << " / " << paging);
    const Seen walks = run(technique, paging, traces::TraceLevel::kWalks), exits = run(technique, paging, traces::TraceLevel::kExits);
    CHECK(walks.console == exits.console);
    CHECK(walks.counters == exits.counters);
    CHECK(exits.walks == 0);
    CHECK(walks.walks > 100);
    CHECK(walks.walks == walks.counter("page_walks"));
    CHECK(walks.references == walks.counter("page_walk_references"));
    CHECK(walks.listed == walks.references);
    CHECK(walks.modes[static_cast<size_t>(mode)] > 100);
    for (size_t i = 0; i < walks.modes.size(); ++i)
      CHECK(walks.modes[i] == walks.counter("page_walks_" + std::string(traces::kWalkModeNames[i])));
  }
}

TEST_CASE("every step of a paging is an event: as many as the monitor counts") {
  using enum PagingOperation;
  struct Pair {
    const char* counter;
    PagingOperation operation;
  };
  const Pair shadow[] = {{"shadow_fills", kFill},           {"shadow_syncs", kSync},         {"shadow_zaps", kZap},          {"shadow_reclaimed", kReclaim},
                         {"shadow_tables_made", kMake},     {"write_protections", kProtect}, {"unsync_faults", kUnsync},     {"write_protect_faults", kWriteFault},
                         {"emulated_writes", kEmulatedWrite}, {"root_loads", kRootLoad},     {"invalidations", kInvalidate}, {"guest_page_faults", kGuestFault},
                         {"ept_violations", kViolation},    {"ept_fills", kNestedFill}};
  const Pair agile[] = {{"agile_to_nested", kToNested}, {"agile_to_shadow", kToShadow}, {"agile_switch_fills", kSwitchFill}, {"agile_flag_updates", kFlagUpdate}};
  for (const std::string paging : {"shadow", "agile"}) {
    INFO(paging);
    Seen seen = run("hw", paging, traces::TraceLevel::kExits);
    const auto check = [&](const Pair& pair) {
      INFO(pair.counter);
      REQUIRE(seen.counters.count(pair.counter) == 1);
      CHECK(seen.of(pair.operation) == seen.counter(pair.counter));
    };
    for (const Pair& pair : shadow) check(pair);
    CHECK(seen.of(kFill) > 100);
    CHECK(seen.of(kProtect) > 0);
    if (paging == "agile") {
      for (const Pair& pair : agile) check(pair);
      CHECK(seen.of(kToNested) > 0);
    }
  }
  // Deprivileged guests: the same tables, another way of leaving the guest.
  Seen trap = run("trap", "shadow", traces::TraceLevel::kExits);
  for (const Pair& pair : shadow) {
    if (!trap.counters.count(pair.counter)) continue;
    INFO("trap " << pair.counter);
    CHECK(trap.of(pair.operation) == trap.counter(pair.counter));
  }
  CHECK(trap.of(kFill) > 100);
  Seen nested = run("hw", "nested", traces::TraceLevel::kExits);
  CHECK(nested.of(kViolation) == nested.counter("ept_violations"));
  CHECK(nested.of(kNestedFill) == nested.counter("ept_fills") + nested.counter("ept_large_fills"));
  CHECK(nested.of(kFill) == 0);
  CHECK(run("native", "none", traces::TraceLevel::kExits).operations.empty());
}
