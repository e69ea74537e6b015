// Debian's kernel on the real CPU, to its first console lines: where the host interprets kernel-mode code it takes minutes. And interpreted by
// this program on the real CPU, by its clock, to power-off.
#include "tests/boot/fetched_guests.h"

using namespace ringside;
using namespace ringside::testing;

TEST_CASE("Debian's kernel speaks on the real CPU") {
  if (!guests_fetched()) return;
  sim::Run run = debian_run();
  run.machine = "kvm";
  run.guest.command_line = "earlyprintk=ttyS0 " + run.guest.command_line;  // the console proper starts long after
  std::string console;
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) {
    console += static_cast<char>(byte);
    return console.find("Command line:") == std::string::npos || byte != '\n';
  };
  const auto report = sim::execute(run, environment);
  if (!report && report.error().code == ExitCode::kHost) {
    std::cout << "SKIPPED: " << report.error().message << "\n";
    return;
  }
  REQUIRE(report.has_value());
  INFO(console);
  CHECK(console.find("Linux version 6.") != std::string::npos);
  CHECK(console.find("Command line:") != std::string::npos);
}

TEST_CASE("Debian's kernel interpreted by the host's clock says what it says on the model, its own time stamps aside") {
  if (!guests_fetched()) return;
  sim::Run run = debian_run();
  run.machine = "kvm";
  run.technique = "emulate";
  std::string console;
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return console += static_cast<char>(byte), true; };
  const auto report = sim::execute(run, environment);
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end == vmm::RunEnd::kPoweredOff);
  CHECK(report.value().time_unit == vmm::TimeUnit::kHostNanoseconds);
  CHECK(without_kernel_lines(console) == contents(RINGSIDE_SOURCE_DIR "/tests/guests/linux/expected.txt"));
}
