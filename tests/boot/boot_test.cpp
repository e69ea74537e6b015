// Debian's own kernel on the modelled PC: to its script and to power-off, the same bytes of trace each time, the same console under
// hardware-assisted virtualization; and memtest86+ to its screen.
#include <unistd.h>

#include "sim/screen.h"
#include "tests/boot/fetched_guests.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

struct Boot {
  std::string console, trace;
  sim::RunReport report;
};

Boot boot(const std::string& technique, const std::string& paging, const std::string& trace_name, const std::string& isa = "x86") {
  Boot result;
  sim::Run run = debian_run();
  run.technique = technique;
  run.paging = paging;
  run.isa = isa;
  run.level = traces::TraceLevel::kExits;
  run.trace_file = (std::filesystem::temp_directory_path() / (trace_name + std::to_string(getpid()) + ".rst")).string();
  sim::RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return result.console += static_cast<char>(byte), true; };
  auto report = sim::execute(run, environment);
  if (!report) FAIL(report.error().message);
  result.report = std::move(report.value());
  result.trace = contents(run.trace_file);
  std::filesystem::remove(run.trace_file);
  return result;
}


}  // namespace

TEST_CASE("Debian's kernel boots on the model, runs its script, powers off, and leaves the same trace each time") {
  if (!guests_fetched()) return;
  const Boot first = boot("native", "none", "ringside-boot-a-");
  CHECK(first.report.outcome.end == vmm::RunEnd::kPoweredOff);
  CHECK(first.console.find("RINGSIDE-GUEST-DONE") != std::string::npos);
  CHECK(without_kernel_lines(first.console) == contents(RINGSIDE_SOURCE_DIR "/tests/guests/linux/expected.txt"));
  REQUIRE(first.trace.size() > 50'000);
  const Boot second = boot("native", "none", "ringside-boot-a-");
  const bool same_trace = first.trace == second.trace;
  CHECK(same_trace);
  CHECK(first.console == second.console);

  for (const std::string paging : {"nested", "shadow", "agile"}) {
    INFO("hw / " << paging);
    const Boot hw = boot("hw", paging, "ringside-boot-b-");
    CHECK(hw.report.outcome.end == vmm::RunEnd::kPoweredOff);
    CHECK(hw.console == first.console);
  }
  CHECK(boot("emulate", "none", "ringside-boot-b-").console == first.console);
}

TEST_CASE("Debian's kernel boots by trap-and-emulate where every sensitive instruction traps, instruction for instruction as natively") {
  if (!guests_fetched()) return;
  const Boot native = boot("native", "none", "ringside-boot-c-");
  const Boot strict = boot("trap", "shadow", "ringside-boot-c-", "strict");
  CHECK(strict.report.outcome.end == vmm::RunEnd::kPoweredOff);
  CHECK(strict.console == native.console);
  CHECK(strict.report.outcome.totals.instructions == native.report.outcome.totals.instructions);
  CHECK(strict.report.outcome.totals.exits > 1'000'000);
}

TEST_CASE("Debian's kernel boots translated to its script, with the output of native") {
  if (!guests_fetched()) return;
  const Boot translated = boot("bt", "shadow", "ringside-boot-d-");
  CHECK(translated.report.outcome.end == vmm::RunEnd::kPoweredOff);
  // The kernel's own lines tell times, and those are others.
  CHECK(without_kernel_lines(translated.console) == contents(RINGSIDE_SOURCE_DIR "/tests/guests/linux/expected.txt"));
}

TEST_CASE("under plain trap-and-emulate Debian's kernel goes wrong, and the report names the instructions x86 lets pass") {
  if (!guests_fetched()) return;
  sim::Run run = debian_run();
  run.technique = "trap";
  run.paging = "shadow";
  run.bounds.instructions = 2'000'000'000;
  const auto report = sim::execute(run, {});
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end != vmm::RunEnd::kPoweredOff);
  std::string notes;
  for (const std::string& note : report.value().notes) notes += note + "\n";
  INFO(notes);
  CHECK(notes.find("pushfq at 0x") != std::string::npos);
  CHECK(notes.find("popfq at 0x") != std::string::npos);
}

TEST_CASE("memtest86+ reaches its screen on the model") {
  if (!guests_fetched()) return;
  sim::Run run;
  run.guest.kernel = fetched("memtest86+.bin");
  run.bounds.instructions = 300'000'000;
  run.bounds.timeout = std::chrono::minutes(5);
  std::string screen;
  sim::RunEnvironment environment;
  environment.at_end = [&](vmm::Machine& machine) {
    for (const std::string& row : sim::text_screen(machine)) screen += row + "\n";
  };
  const auto report = sim::execute(run, environment);
  REQUIRE(report.has_value());
  INFO(screen);
  CHECK(screen.find("Memtest86+ v6") != std::string::npos);
  CHECK(screen.find("256MB") != std::string::npos);
  CHECK(screen.find("1000MHz") != std::string::npos);
}
