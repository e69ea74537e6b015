// Calibration: its statistics, the profile made of it, and one real measurement of whatever host runs the tests.
#include "sim/calibrate.h"

#include <nlohmann/json.hpp>

#include "sim/calibrate_exits.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;
using hw::NumberKind;
using hw::Primitive;

namespace {

hw::CostProfile base() { return hw::load_cost_profile("modern").value(); }

const hw::CostNumber& number(const hw::CostProfile& profile, Primitive p) { return profile.primitive[static_cast<size_t>(p)]; }

}  // namespace

TEST_CASE("calibration: median and quartiles", "[calibrate]") {
  const Measurement m = summarise("x", {5, 1, 4, 2, 3});
  CHECK(m.median == 3);
  CHECK(m.quartile1 == 2);
  CHECK(m.quartile3 == 4);
  CHECK(m.samples == 5);
  CHECK(summarise("x", {7}).quartile3 == 7);
}

TEST_CASE("calibration: the profile has what was measured, the rest of its base, and can be read again", "[calibrate]") {
  Calibration c;
  c.machine = "A processor";
  c.ticks_per_second = 2.5e9;
  c.measurements = {{"syscall", 300, 290, 310, 51}, {"tlb_miss", 41.7, 40, 43, 15}, {"exit_kernel", 2362, 2300, 2400, 51},
                    {"exit_user", 6000, 5900, 6100, 51}};
  const hw::CostProfile profile = profile_of(c, base());
  CHECK(profile.name == "host");
  CHECK(profile.machine == "A processor");
  CHECK(profile.clock_hz.value == 2'500'000'000);
  CHECK(profile.clock_hz.kind == NumberKind::kMeasured);
  CHECK(profile.cycles(Primitive::kWalkReference) == 42);
  CHECK(number(profile, Primitive::kWalkReference).source.find("41.7") != std::string::npos);
  CHECK(profile.cycles(Primitive::kHostSwitch) == 6000 - 2362);
  CHECK(number(profile, Primitive::kHostSwitch).kind == NumberKind::kMeasured);
  // The measured round trip is twice the base's 1181: so is each part.
  for (const Primitive part : {Primitive::kVmExit, Primitive::kVmEntry, Primitive::kDispatch, Primitive::kHypercall})
    CHECK(profile.cycles(part) == 2 * base().cycles(part));
  CHECK(profile.cycles(Primitive::kShadowFill) == base().cycles(Primitive::kShadowFill));
  CHECK(profile.cycles(Primitive::kL2TlbHit) == base().cycles(Primitive::kL2TlbHit));  // was not measured
  const auto again = hw::parse_cost_profile(hw::to_json(profile).dump(), "host.json");
  if (again.has_error()) FAIL(again.error().message);
  CHECK(hw::to_json(again.value()) == hw::to_json(profile));
}

TEST_CASE("calibration: nonsense measured gives a profile that is still valid", "[calibrate]") {
  Calibration c;
  c.machine = "A processor";
  c.ticks_per_second = 1e9;
  c.measurements = {{"tlb_miss", 1e30, 0, 0, 1}, {"exit_kernel", 500, 0, 0, 1}, {"exit_user", 100, 0, 0, 1}};
  const hw::CostProfile profile = profile_of(c, base());
  CHECK(profile.cycles(Primitive::kWalkReference) == hw::CostProfile::kMostCycles);
  CHECK(profile.cycles(Primitive::kHostSwitch) == 0);
  CHECK(hw::parse_cost_profile(hw::to_json(profile).dump(), "host.json").has_value());
}

TEST_CASE("calibration: without KVM the exits are missing and the reason is told", "[calibrate]") {
  CHECK(measure_exits("/nonexistent/kvm").error().code == ExitCode::kHost);
  const Calibration c = calibrate({.kvm_device = "/nonexistent/kvm"}).value();
  CHECK(c.kvm_missing.find("/nonexistent/kvm") != std::string::npos);
  CHECK(c.find("exit_kernel") == nullptr);
  CHECK(c.ticks_per_second > 1e8);
  for (const char* name : {"syscall", "page_fault", "tlb_second_level", "tlb_miss"}) {
    INFO(name);
    const Measurement* m = c.find(name);
    REQUIRE(m);
    CHECK(m->quartile1 <= m->median);
    CHECK(m->median <= m->quartile3);
  }
  CHECK(c.find("syscall")->median > 10);
  CHECK(c.find("page_fault")->median > c.find("syscall")->median);
  CHECK(hw::parse_cost_profile(hw::to_json(profile_of(c, base())).dump(), "host.json").has_value());
}
