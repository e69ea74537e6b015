// The list of experiments, and the ones that need no guest, run in full.
#include "sim/experiments/experiment.h"

#include <cmath>
#include <set>

#include "sim/experiments/plot.h"
#include "sim/experiments/results_page.h"
#include "tests/catch.h"
#include "traces/base/text.h"

using namespace ringside;
using namespace ringside::sim;

namespace {

ExperimentOptions options_with(const std::string& profile) { return {.profile = hw::load_cost_profile(profile).value()}; }

ExperimentResult run(const char* name, const ExperimentOptions& options) {
  auto result = find_experiment(name).value().run(options);
  if (result.has_error()) FAIL(result.error().message);
  return result.value();
}

uint64_t number(const ExperimentResult::Value& value) { return std::get<uint64_t>(value); }

}  // namespace

TEST_CASE("experiments: each has a name of its own and its three texts", "[experiment]") {
  std::set<std::string_view> names;
  for (const Experiment& experiment : all_experiments()) {
    CHECK(names.insert(experiment.name).second);
    for (const std::string_view key : {experiment.question, experiment.expected, experiment.source})
      CHECK(text::known(key));
  }
  CHECK(names.count("page-walk-refs") == 1);
  CHECK(names.count("crossover") == 1);
}

TEST_CASE("experiments: a mistyped name gets a suggestion", "[experiment]") {
  const auto found = find_experiment("page-walk-ref");
  REQUIRE(found.has_error());
  CHECK(found.error().code == ExitCode::kUsage);
  CHECK(found.error().message.find("did you mean 'page-walk-refs'") != std::string::npos);
}

TEST_CASE("experiments: CSV quotes what needs it", "[experiment]") {
  ExperimentResult result;
  result.columns = {"a", "b,c"};
  result.rows = {{std::string("x \"y\""), uint64_t{7}}, {std::string("line\nbreak"), 1.5}};
  CHECK(to_csv(result) == "a,\"b,c\"\n\"x \"\"y\"\"\",7\n\"line\nbreak\",1.500\n");
}

TEST_CASE("page-walk-refs: every row as published, with every TLB profile", "[experiment]") {
  const hw::CostProfile base = hw::load_cost_profile("skylake").value();
  for (const char* tlb : {"none", "skylake", "sandy-bridge", "park-2022", "zen"}) {
    INFO(tlb);
    ExperimentOptions options{.profile = base};
    options.tlb_profile = tlb;
    const ExperimentResult result = run("page-walk-refs", options);
    REQUIRE(result.verdict == Verdict::kAsExpected);
    REQUIRE(result.rows.size() == 29);  // the 30 exact rows without the three-dimensional one
    uint64_t cheaper = 0;
    for (const auto& row : result.rows) {
      REQUIRE(row.size() == result.columns.size());
      const uint64_t g = number(row[1]), h = number(row[2]), refs = number(row[5]), warm = number(row[7]);
      const std::string mode = std::get<std::string>(row[0]);
      if (mode == "nested_2d") REQUIRE(refs == (g + 1) * (h + 1) - 1);
      else if (mode == "agile") REQUIRE((refs == g + 5 * h || (g == 0 && refs == 24)));
      else REQUIRE(refs == g);
      REQUIRE(refs == number(row[6]));
      REQUIRE(warm <= refs);
      cheaper += warm < refs;
    }
    // Profiles without walk caches change nothing; with them, they do.
    const bool has_caches = std::string(tlb) != "none" && std::string(tlb) != "sandy-bridge";
    REQUIRE((cheaper > 15) == has_caches);
    if (!has_caches) REQUIRE(cheaper == 0);
  }
}

TEST_CASE("crossover: one sign change where it was computed, for every profile", "[experiment]") {
  for (const std::string& name : hw::cost_profile_names()) {
    INFO(name);
    ExperimentOptions options = options_with(name);
    options.misses = {1000};
    const ExperimentResult result = run("crossover", options);
    REQUIRE(result.verdict == Verdict::kAsExpected);
    unsigned changes = 0;
    double at = -1, step = 0, previous_u = 0;
    bool previous = true;
    for (const auto& row : result.rows) {
      const auto u = static_cast<double>(number(row[0]));
      const bool shadow_wins = number(row[2]) < number(row[3]);
      if (shadow_wins != previous) {
        ++changes;
        at = u;
      }
      previous = shadow_wins;
      step = u - previous_u;
      previous_u = u;
    }
    REQUIRE(changes == 1);
    const double predicted = std::get<double>(result.rows.front()[4]);
    REQUIRE(predicted <= at);
    REQUIRE(predicted >= at - step);
    // By hand, from the profile: with caches off the walks cost 4 and 24.
    const hw::CostProfile& p = options.profile;
    const uint64_t trap = p.world_switch_cycles() + p.cycles(hw::Primitive::kDispatch) + p.cycles(hw::Primitive::kPageTableWrite);
    REQUIRE(predicted == Approx(1000.0 * 20 * static_cast<double>(p.cycles(hw::Primitive::kWalkReference)) / static_cast<double>(trap)));
  }
}

TEST_CASE("crossover: one sweep for each number of misses; numbers out of range are refused", "[experiment]") {
  ExperimentOptions options = options_with("skylake");
  options.misses = {100, 300};
  const ExperimentResult result = run("crossover", options);
  REQUIRE(result.verdict == Verdict::kAsExpected);
  REQUIRE(number(result.rows.front()[1]) == 100);
  REQUIRE(number(result.rows.back()[1]) == 300);
  options.misses.clear();
  for (uint64_t m = 1; m <= 60; ++m) options.misses.push_back(m);  // steps of one, where rounding matters most
  REQUIRE(run("crossover", options).verdict == Verdict::kAsExpected);
  for (const uint64_t misses : {uint64_t{0}, uint64_t{1} << 60}) {
    options.misses = {misses};
    CHECK(find_experiment("crossover").value().run(options).error().code == ExitCode::kUsage);
  }
  options.misses = {100};
  options.profile.primitive[static_cast<size_t>(hw::Primitive::kWalkReference)].value = 0;
  CHECK(find_experiment("crossover").value().run(options).error().code == ExitCode::kInput);
}

TEST_CASE("average-refs: as expected where there are walk caches, refused where there are none", "[experiment]") {
  ExperimentOptions options = options_with("skylake");
  for (const char* tlb : {"park-2022", "skylake", "zen"}) {
    INFO(tlb);
    options.tlb_profile = tlb;
    CHECK(run("average-refs", options).verdict == Verdict::kAsExpected);
  }
  options.tlb_profile = "none";
  CHECK(find_experiment("average-refs").value().run(options).error().code == ExitCode::kUsage);
}

TEST_CASE("hyperbench: E9 and O4 hold, three rows are fitted and meet their figures, and the same run gives the same numbers", "[experiment][invariant]") {
  const ExperimentOptions options = options_with(std::string(hw::kDefaultCostProfile));
  const ExperimentResult result = run("hyperbench", options);
  CHECK(result.verdict == Verdict::kAsExpected);
  unsigned fitted = 0;
  for (const auto& row : result.rows) {
    const auto simulated = std::get<double>(row[3]), distance = std::get<double>(row[5]);
    INFO(std::get<std::string>(row[0]) << ' ' << std::get<std::string>(row[1]));
    CHECK(simulated > 0);
    CHECK(distance == Approx(std::abs(std::log2(simulated / static_cast<double>(number(row[2]))))));
    if (std::get<std::string>(row[4]) != "yes") continue;
    ++fitted;
    CHECK(distance < 0.05);
  }
  CHECK(fitted == 3);
  CHECK(to_csv(run("hyperbench", options)) == to_csv(result));
  ExperimentOptions other = options_with("skylake");
  CHECK(run("hyperbench", other).verdict == Verdict::kAsExpected);
}

TEST_CASE("agile: below five references, shares as published, and no more exits than shadow paging", "[experiment]") {
  const ExperimentResult result = run("agile", options_with("skylake"));
  CHECK(result.verdict == Verdict::kAsExpected);
  REQUIRE(result.rows.size() == 8);
  for (const auto& row : result.rows) {
    INFO(std::get<std::string>(row[0]));
    REQUIRE(row.size() == result.columns.size());
    double share = 0;
    for (unsigned mode = 1; mode <= 4; ++mode) share += std::get<double>(row[mode]);
    CHECK(share == Approx(100));
    const double average = std::get<double>(row[5]), by_shares = (4 * std::get<double>(row[1]) + 8 * std::get<double>(row[2]) + 12 * std::get<double>(row[3])) / 100;
    CHECK(average >= 4);
    CHECK(average < 5);
    CHECK(average >= by_shares - 1e-6);
    if (number(row[11])) CHECK(number(row[12]) < number(row[13]));
  }
}

TEST_CASE("results page: all experiments, with the pictures it names", "[experiment]") {
  ExperimentOptions options = options_with(std::string(hw::kDefaultCostProfile));
  options.real_machine = RealMachine::kLeftOut;
  const ResultsPage page = results_page(options).value();
  CHECK(page.verdict == Verdict::kAsExpected);
  for (const Experiment& experiment : all_experiments())
    CHECK(page.markdown.find("## " + std::string(experiment.name) + "\n") != std::string::npos);
  REQUIRE(page.pictures.size() == 2);
  for (const char* picture : {"](crossover.svg)", "](exit-path.svg)"}) CHECK(page.markdown.find(picture) != std::string::npos);
  CHECK(page.markdown.find("NOT as expected") == std::string::npos);
}

TEST_CASE("bars: one for each name, with pieces as long as their values", "[experiment]") {
  ExperimentResult result;
  result.columns = {"technique", "step", "cycles"};
  result.rows = {{std::string("trap"), std::string("switch"), 100.0}, {std::string("trap"), std::string("emulate"), 300.0}, {std::string("hw"), std::string("switch"), 200.0}};
  const std::string svg = bars_svg(result, "step", "cycles", "path");
  CHECK(svg.find(">trap</text>") < svg.find(">hw</text>"));
  CHECK(svg.find(">400</text>") != std::string::npos);
  CHECK(svg.find("switch: 100") != std::string::npos);
  CHECK(svg.find("switch: 200") != std::string::npos);
  CHECK(svg.find("emulate: 300") != std::string::npos);
}

TEST_CASE("plot: lines go through the values, the mark lies where it should", "[experiment]") {
  ExperimentResult result;
  result.columns = {"x", "a<b", "at"};
  result.rows = {{uint64_t{0}, uint64_t{0}, 5.0}, {uint64_t{10}, uint64_t{100}, 5.0}};
  const std::string svg = to_svg(result, {"x", {"a<b"}, "at"}, "title & more");
  CHECK(svg.find("points=\"110.0,370.0 700.0,40.0 \"") != std::string::npos);
  CHECK(svg.find("x1=\"405.0\" y1=\"40.0\" x2=\"405.0\"") != std::string::npos);
  CHECK(svg.find("title &amp; more") != std::string::npos);
  CHECK(svg.find("a&lt;b") != std::string::npos);
}
