// Points at which a run changes its way of keeping time: texts, and what makes no sense.
#include "sim/timing.h"

#include "sim/validate.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;
using At = hw::ModeChange::At;

TEST_CASE("switch points: what may be written, and back to text", "[timing]") {
  const struct {
    const char* text;
    At at;
    uint64_t value;
    const char* symbol;
    const char* shown;
  } cases[] = {{"marker:2", At::kMarker, 2, "", "marker:2"},
               {"instructions:10M", At::kInstructions, 10'000'000, "", "instructions:10000000"},
               {"symbol:schedule", At::kAddress, 0, "schedule", "symbol:schedule"},
               {"symbol:0xffffffff81000000", At::kAddress, 0xffffffff81000000, "", "symbol:0xffffffff81000000"},
               {"symbol:0xzz", At::kAddress, 0, "0xzz", "symbol:0xzz"},
               {"symbol:a:b", At::kAddress, 0, "a:b", "symbol:a:b"}};
  for (const auto& c : cases) {
    INFO(c.text);
    const auto point = parse_switch_point(c.text);
    REQUIRE(point.has_value());
    CHECK(point.value().at == c.at);
    CHECK(point.value().value == c.value);
    CHECK(point.value().symbol == c.symbol);
    CHECK(to_text(point.value()) == c.shown);
  }
  for (const char* bad : {"", "marker", "marker:", "marker:x", "marker:4294967296", "at:5", ":5", "instructions:-1", "symbol:"}) {
    INFO(bad);
    CHECK(parse_switch_point(bad).error().code == ExitCode::kUsage);
  }
}

TEST_CASE("timing: modes, points and hosts that make no sense are refused in one sentence", "[timing]") {
  const auto run_with = [](auto change) {
    Run run;
    run.guest.kernel = "kernel";
    change(run);
    return run;
  };
  const SwitchPoint early{At::kInstructions, 10, ""}, late{At::kInstructions, 20, ""};
  CHECK(validate(run_with([](Run& r) { r.timing.mode = hw::TimeMode::kDetailed; })).has_value());
  CHECK(validate(run_with([&](Run& r) { r.timing.from = early, r.timing.until = late; })).has_value());
  const auto refused = [&](auto change, const char* words) {
    const auto result = validate(run_with(change));
    REQUIRE(result.has_error());
    CHECK(result.error().code == ExitCode::kUsage);
    CHECK_THAT(result.error().message, Catch::Contains(words));
  };
  refused([](Run& r) { r.machine = "kvm", r.timing.mode = hw::TimeMode::kDetailed; }, "--machine model");
  refused([](Run& r) { r.machine = "kvm", r.timing.cost_profile = "zen"; }, "--machine model");
  refused([&](Run& r) { r.timing.mode = hw::TimeMode::kFast, r.timing.from = early; }, "--mode fast");
  refused([&](Run& r) { r.timing.from = late, r.timing.until = early; }, "instructions:10");
  refused([](Run& r) { r.timing.host = vmm::HostKind::kType1; }, "--host");
}

TEST_CASE("timing: a run begins in the mode its points ask for", "[timing]") {
  Timing timing;
  CHECK(timing.mode_at_start() == hw::TimeMode::kFast);
  timing.until = SwitchPoint{};
  CHECK(timing.mode_at_start() == hw::TimeMode::kDetailed);
  timing.from = SwitchPoint{};
  CHECK(timing.mode_at_start() == hw::TimeMode::kFast);
}
