// The paravirtual teaching kernel beside the native one on the modelled machine: the same words and markers, and hypercalls in the numbers
// that batches promise.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "sim/runner.h"
#include "tests/catch.h"
#include "traces/read/reader.h"

using namespace ringside;

namespace {

struct PvRun {
  std::string console, trace;
  vmm::RunEnd end = vmm::RunEnd::kMachineFailed;
  std::vector<uint64_t> markers;
  uint64_t exits = 0, entries = 0;
  struct Calls {
    uint64_t calls = 0, items = 0, most_items = 0, refused = 0;
  };
  std::map<std::string, Calls> hypercalls;  // within the measured part
};

PvRun run_kernel(const char* technique, const std::string& command_line, sim::Bounds bounds = {}) {
  const bool pv = std::string(technique) == "pv";
  sim::Run run;
  run.technique = technique;
  run.paging = pv ? "direct" : "none";
  run.guest.kernel = pv ? RINGSIDE_TEACHING_PV_KERNEL : RINGSIDE_TEACHING_KERNEL;
  run.guest.command_line = command_line;
  run.memory = 32 << 20;
  run.bounds = bounds;
  run.bounds.timeout = std::chrono::seconds(60);
  run.level = traces::TraceLevel::kExits;
  run.trace_file = (std::filesystem::temp_directory_path() / ("ringside-pv-" + std::to_string(getpid()) + ".rst")).string();
  PvRun result;
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return result.console += static_cast<char>(byte), true; };
  const auto report = sim::execute(run, environment);
  if (!report) FAIL(report.error().message);
  result.end = report.value().outcome.end;
  {
    const auto reader = traces::Reader::open(run.trace_file);
    REQUIRE(reader.has_value());
    bool measured = false;
    reader.value().visit(traces::overloaded{
        [&](const traces::Marker& m) {
          result.markers.push_back(m.value);
          measured = m.value == 1;
        },
        [&](const traces::Exit&) { ++result.exits; },
        [&](const traces::Entry&) { ++result.entries; },
        [&](const traces::Hypercall& h) {
          if (!measured) return;
          PvRun::Calls& c = result.hypercalls[std::string(h.name)];
          ++c.calls;
          c.items += h.items;
          c.most_items = std::max(c.most_items, h.items);
          c.refused += static_cast<int64_t>(h.result) < 0 && h.name != "iret";
        },
    });
    std::ifstream file(run.trace_file, std::ios::binary);
    result.trace.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::filesystem::remove(run.trace_file);
  return result;
}

}  // namespace

TEST_CASE("the paravirtual kernel says what the native one says, workload by workload, and marks the same phases") {
  for (const char* workload : {"demo", "hello", "in", "cr8wr", "callret", "divzero", "ptemod", "block", "syscall", "int80", "pgfault", "forkwait",
                               "ctxswitch", "timer", "console", "compute", "tlb"}) {
    INFO(workload);
    const std::string line = std::string("workload=") + workload;
    const PvRun native = run_kernel("native", line), pv = run_kernel("pv", line);
    CHECK(pv.console == native.console);
    CHECK(pv.markers == native.markers);
    CHECK(pv.end == vmm::RunEnd::kPoweredOff);
    for (const auto& [name, calls] : pv.hypercalls) CHECK(calls.refused == 0);
    CHECK(std::abs(static_cast<int64_t>(pv.exits) - static_cast<int64_t>(pv.entries)) <= 1);  // E18
  }
}

TEST_CASE("the same paravirtual run gives the same trace, byte for byte") {
  const PvRun once = run_kernel("pv", "workload=demo"), again = run_kernel("pv", "workload=demo");
  CHECK(once.trace.size() > 1000);
  CHECK(once.trace == again.trace);
}

TEST_CASE("updates of many pages go in one hypercall, updates of one in one each") {
  const PvRun faults = run_kernel("pv", "workload=pgfault n=1500");
  const auto calls = [](const PvRun& run, const char* name) {
    const auto at = run.hypercalls.find(name);
    return at == run.hypercalls.end() ? PvRun::Calls{} : at->second;
  };
  CHECK(calls(faults, "mmu_update").most_items == 1024);  // all that unmap gives back
  CHECK(calls(faults, "mmu_update").calls >= 1500);       // one for each first touch, but for tables that went with a multicall
  CHECK(calls(faults, "mmu_update").calls <= 1502);
  const PvRun ptemod = run_kernel("pv", "workload=ptemod n=500");
  CHECK(calls(ptemod, "multicall").calls == 500);         // entry and invalidation together
  const PvRun mask = run_kernel("pv", "workload=cr8wr n=500");
  CHECK(mask.hypercalls.size() <= 1);                     // the event mask is a byte of memory; the end of the measured part is one call
}

TEST_CASE("a paravirtual run keeps its bounds") {
  sim::Bounds instructions, exits;
  instructions.instructions = 2'000'000;
  exits.exits = 1000;
  CHECK(run_kernel("pv", "workload=compute n=100000000", instructions).end == vmm::RunEnd::kMaxInstructions);
  CHECK(run_kernel("pv", "workload=syscall n=100000000", exits).end == vmm::RunEnd::kMaxExits);
}
