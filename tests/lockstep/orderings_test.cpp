// What the techniques cost beside each other, on the model: the orderings of Adams and Agesen with an early-VT-x profile (O1, O2), what has turned
// with a modern one, adaptive translation (C2), and system calls that cost no exit under hardware virtualization with nested paging (E10).
#include <cmath>
#include <map>

#include "sim/comparison/measure.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;

namespace {

const Subject kNative{"model", "native", "none"}, kTranslated{"model", "bt", "shadow"}, kHardware{"model", "hw", "shadow"}, kNested{"model", "hw", "nested"};

Measured cost(const Subject& subject, std::string_view workload, const std::string& profile, vmm::bt::Adaptive adaptive = vmm::bt::Adaptive::kOn) {
  MeasureOptions options;
  options.profile = hw::load_cost_profile(profile).value();
  options.adaptive = adaptive;
  const auto measured = measure(subject, find_workload(workload).value(), options);
  REQUIRE(measured.has_value());
  INFO(measured.value().reason);
  REQUIRE(measured.value().reason.empty());
  return measured.value();
}

}  // namespace

TEST_CASE("early VT-x: translation beats exits where the guest's kernel is busy, and loses where its processes are (O1, O2)", "[invariant]") {
  for (const char* workload : {"in", "cr8wr", "pgfault", "ptemod"}) {
    INFO(workload);
    CHECK(cost(kTranslated, workload, "early-vtx").median < cost(kHardware, workload, "early-vtx").median);
  }
  for (const char* workload : {"syscall", "callret", "divzero"}) {
    INFO(workload);
    CHECK(cost(kHardware, workload, "early-vtx").median < cost(kTranslated, workload, "early-vtx").median);
  }
  for (const char* workload : {"in", "cr8wr"}) {
    INFO(workload);
    CHECK(cost(kTranslated, workload, "early-vtx").median < cost(kNative, workload, "early-vtx").median);
  }
}

TEST_CASE("a modern processor with nested paging: page-table work is native again, and translation has lost it", "[invariant]") {
  for (const char* workload : {"ptemod", "pgfault"}) {
    INFO(workload);
    CHECK(cost(kNested, workload, "modern").median < cost(kTranslated, workload, "modern").median);
  }
  const Measured nested = cost(kNested, "ptemod", "modern"), native = cost(kNative, "ptemod", "modern");
  CHECK(nested.median == Approx(native.median).epsilon(0.05));
}

TEST_CASE("adaptive translation: without it every write of a page-table entry traps, and hardware wins where its exits are cheap (C2)", "[invariant]") {
  const double on = cost(kTranslated, "ptemod", "modern").median, off = cost(kTranslated, "ptemod", "modern", vmm::bt::Adaptive::kOff).median;
  const double hardware = cost(kHardware, "ptemod", "modern").median;
  CHECK(on < hardware);
  CHECK(off > hardware);
  // Where an exit is dear, a call-out still beats the trap it replaces.
  CHECK(4 * cost(kTranslated, "ptemod", "early-vtx").median < cost(kTranslated, "ptemod", "early-vtx", vmm::bt::Adaptive::kOff).median);
}

TEST_CASE("a system call causes no exit under hardware virtualization with nested paging, and several under trap-and-emulate (E10)", "[invariant]") {
  CHECK(cost(kNested, "syscall", "modern").exits == 0);
  CHECK(cost({"model", "trap", "shadow"}, "syscall", "modern").exits >= 2);
}

TEST_CASE("between exits every technique runs the guest's processes at native speed", "[invariant]") {
  const double native = cost(kNative, "compute", "modern").median;
  for (const Subject& subject : {Subject{"model", "trap", "shadow"}, kTranslated, kHardware, kNested}) {
    INFO(to_text(subject));
    CHECK(cost(subject, "compute", "modern").median == Approx(native).epsilon(0.05));
  }
}
