// Subjects and workloads by name, and what a measurement says when there is nothing to measure.
#include <set>

#include "sim/comparison/measure.h"
#include "sim/validate.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;

TEST_CASE("every subject is found by its own text, and native comes first on each machine", "[compare]") {
  std::set<std::string> machines, texts;
  for (const Subject& subject : all_subjects()) {
    const auto found = parse_subject(to_text(subject));
    REQUIRE(found.has_value());
    CHECK(to_text(found.value()) == to_text(subject));
    CHECK(texts.insert(to_text(subject)).second);
    if (machines.insert(subject.machine).second) CHECK(subject.technique == "native");
  }
  CHECK(parse_subject("model/trap").value().paging == "shadow");
  CHECK(parse_subject("model/trap/shadow/strict").value().isa == "strict");
}

TEST_CASE("unknown subjects and workloads get one sentence with what there is", "[compare]") {
  for (const char* text : {"", "model", "model/trapp", "model/trap/nested", "model/trap/shadow/x87", "a/b/c/d/e"}) {
    const auto subject = parse_subject(text);
    REQUIRE(subject.has_error());
    CHECK(subject.error().code == ExitCode::kUsage);
    CHECK(subject.error().message.find("model/hw/nested") != std::string::npos);
  }
  const auto workload = find_workload("syscal");
  REQUIRE(workload.has_error());
  CHECK(workload.error().message.find("syscall") != std::string::npos);
}

TEST_CASE("a subject whose guest does not come to its markers is a reason, not an error", "[compare]") {
  MeasureOptions options;
  options.profile = hw::load_cost_profile(std::string(hw::kDefaultCostProfile)).value();
  options.kernel = "/nonexistent/kernel";
  const auto missing = measure({"model", "native", "none"}, find_workload("in").value(), options);
  REQUIRE(missing.has_value());
  CHECK(missing.value().reason.find("/nonexistent/kernel") != std::string::npos);
}
