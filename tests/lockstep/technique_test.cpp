// Techniques beside native on the modelled machine: the same console and the same ports in the same order for the whole guest.
#include <unistd.h>

#include "tests/lockstep/teaching_run.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

struct Subject {
  const char* technique;
  const char* paging;
};
const Subject kSubjects[] = {{"hw", "nested"}, {"hw", "shadow"}, {"hw", "agile"}};

}  // namespace

TEST_CASE("the teaching kernel says the same under each technique as under native") {
  const auto native = run_teaching("model", "native", "none");
  REQUIRE(native.has_value());
  for (const Subject& subject : kSubjects) {
    INFO(subject.technique << " / " << subject.paging);
    const auto run = run_teaching("model", subject.technique, subject.paging);
    REQUIRE(run.has_value());
    CHECK(run.value().console == native.value().console);
    const bool same_ports = run.value().ports == native.value().ports;
    CHECK(same_ports);
  }
}

TEST_CASE("every exit has exactly one entry (E18), and only reasons the manual defines occur (E14)") {
  for (const Subject& subject : kSubjects) {
    const auto run = run_teaching("model", subject.technique, subject.paging);
    REQUIRE(run.has_value());
    REQUIRE(run.value().exits > 1000);
    const int64_t difference = static_cast<int64_t>(run.value().exits) - static_cast<int64_t>(run.value().entries);
    CHECK(std::abs(difference) <= 1);
    bool io = false;
    for (const uint64_t code : run.value().exit_codes) {
      io |= code == 30;
      const bool undefined = code == 35 || code == 38 || code == 42 || code >= 71;
      CHECK_FALSE(undefined);
    }
    CHECK(io);
  }
}
