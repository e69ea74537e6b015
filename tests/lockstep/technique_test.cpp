// Techniques beside native, on both machines: the same console and the same ports in the same order for the whole guest.
#include <unistd.h>

#include <iostream>

#include "tests/lockstep/teaching_run.h"
#include "vmm/machines/kvm/kvm_system.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

struct Subject {
  const char* technique;
  const char* paging;
  const char* isa = "x86";
};
const Subject kHardware[] = {{"hw", "nested"}, {"hw", "shadow"}, {"hw", "agile"}};
const Subject kSoftware[] = {{"emulate", "none"}};
// The teaching kernel has no sensitive instruction that passes unnoticed: plain trap-and-emulate is enough for it.
const Subject kDeprivileged[] = {{"trap", "shadow"}, {"trap", "shadow", "strict"}};

void expect_one_entry_an_exit(const TeachingRun& run) {
  REQUIRE(run.exits > 1000);
  const int64_t difference = static_cast<int64_t>(run.exits) - static_cast<int64_t>(run.entries);
  CHECK(std::abs(difference) <= 1);
}

}  // namespace

TEST_CASE("the teaching kernel says the same under each technique as under native") {
  const auto native = run_teaching("model", "native", "none");
  REQUIRE(native.has_value());
  const auto same = [&](const std::string& machine, const Subject& subject) {
    INFO(machine << " / " << subject.technique << " / " << subject.paging << " on " << subject.isa);
    const auto run = run_teaching(machine, subject.technique, subject.paging, subject.isa);
    REQUIRE(run.has_value());
    CHECK(run.value().console == native.value().console);
    if (machine == "model") CHECK(run.value().instructions == native.value().instructions);
    const bool same_ports = run.value().ports == native.value().ports;
    CHECK(same_ports);
  };
  for (const Subject& subject : kHardware) same("model", subject);
  for (const Subject& subject : kDeprivileged) same("model", subject);
  for (const Subject& subject : kSoftware) same("model", subject);
  same("kvm", {"emulate", "none"});  // needs no /dev/kvm
}

TEST_CASE("the teaching kernel says the same deprivileged on the real processor") {
  if (const auto system = vmm::KvmSystem::open(); !system) {
    std::cout << "SKIPPED: " << system.error().message << "\n";
    return;
  }
  const auto native = run_teaching("model", "native", "none");
  REQUIRE(native.has_value());
  for (const char* technique : {"trap", "bt"}) {
    INFO(technique);
    const auto run = run_teaching("kvm", technique, "shadow");
    if (!run) FAIL(run.error().message);
    CHECK(run.value().console == native.value().console);
    CHECK(run.value().instructions == 0);  // nobody counted them
    const bool same_ports = run.value().ports == native.value().ports;
    CHECK(same_ports);
    expect_one_entry_an_exit(run.value());
  }
}

TEST_CASE("the teaching kernel says the same translated, by its own instructions done in other ones") {
  const auto native = run_teaching("model", "native", "none");
  const auto translated = run_teaching("model", "bt", "shadow");
  REQUIRE(native.has_value());
  REQUIRE(translated.has_value());
  CHECK(translated.value().console == native.value().console);
  const bool same_ports = translated.value().ports == native.value().ports;
  CHECK(same_ports);
  CHECK(translated.value().instructions > native.value().instructions);
  expect_one_entry_an_exit(translated.value());
}

TEST_CASE("under trap too every exit has exactly one entry (E18)") {
  for (const Subject& subject : kDeprivileged) {
    const auto run = run_teaching("model", subject.technique, subject.paging, subject.isa);
    REQUIRE(run.has_value());
    expect_one_entry_an_exit(run.value());
  }
}

TEST_CASE("every exit has exactly one entry (E18), and only reasons the manual defines occur (E14)") {
  for (const Subject& subject : kHardware) {
    const auto run = run_teaching("model", subject.technique, subject.paging);
    REQUIRE(run.has_value());
    expect_one_entry_an_exit(run.value());
    bool io = false;
    for (const uint64_t code : run.value().exit_codes) {
      io |= code == 30;
      const bool undefined = code == 35 || code == 38 || code == 42 || code >= 71;
      CHECK_FALSE(undefined);
    }
    CHECK(io);
  }
}
