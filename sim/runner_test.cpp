// The runner on the modelled machine with guests of a few bytes: what reaches the console, the report, the trace; two at a time.
#include "sim/runner.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/screen.h"
#include "tests/catch.h"
#include "traces/read/reader.h"

using namespace ringside;
using namespace ringside::sim;

namespace {

// A flat guest in a file of its own, removed with the object.
class Image {
 public:
  explicit Image(std::string_view code) {
    path_ = (std::filesystem::temp_directory_path() / "ringside-runner-XXXXXX").string();
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    REQUIRE(write(descriptor, code.data(), code.size()) == static_cast<ssize_t>(code.size()));
    close(descriptor);
  }
  ~Image() { std::filesystem::remove(path_), std::filesystem::remove(trace()); }
  std::string trace() const { return path_ + ".rst"; }
  Run run() const {
    Run run;
    run.guest.kernel = path_;
    run.guest.kind = vmm::GuestKind::kFlat;
    run.memory = 2 << 20;
    run.bounds.timeout = std::chrono::seconds(20);
    return run;
  }

 private:
  std::string path_;
};

using namespace std::string_view_literals;
// mov al,'o'; out 0xe9,al; mov al,'k'; out 0xe9,al; mov al,3; out 0xf4,al
constexpr auto kOk = "\xb0o\xe6\xe9\xb0k\xe6\xe9\xb0\x03\xe6\xf4"sv;
// jmp $
constexpr auto kLoop = "\xeb\xfe"sv;
// Echo COM1 into port 0xe9 for ever: mov dx,0x3fd; in al,dx; test al,1; jz back; mov dx,0x3f8; in al,dx; out 0xe9,al; jmp start
constexpr auto kEcho = "\xba\xfd\x03\xec\xa8\x01\x74\xf8\xba\xf8\x03\xec\xe6\xe9\xeb\xf0"sv;

}  // namespace

TEST_CASE("a run's console and report") {
  const Image image(kOk);
  std::string console;
  RunEnvironment environment;
  environment.console = [&](uint8_t byte) { return console += static_cast<char>(byte), true; };
  RunProgress progress;
  environment.progress = &progress;
  const auto report = execute(image.run(), environment);
  REQUIRE(report.has_value());
  CHECK(console == "ok");
  CHECK(report.value().console_bytes == 2);
  CHECK(report.value().outcome.end == vmm::RunEnd::kDebugExit);
  CHECK(report.value().outcome.exit_value == 3);
  CHECK(report.value().outcome.totals.exits == 3);
  CHECK(progress.exits == 3);
}

TEST_CASE("a console nobody listens to ends the run") {
  const Image image(kEcho);
  RunEnvironment environment;
  environment.console_input = "abc";
  unsigned heard = 0;
  environment.console = [&](uint8_t) { return ++heard < 2; };
  const auto report = execute(image.run(), environment);
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end == vmm::RunEnd::kInterrupted);
  CHECK(heard == 2);
}

TEST_CASE("bytes given as console input reach the guest's serial port") {
  const Image image(kEcho);
  Run run = image.run();
  run.bounds.instructions = 10'000;
  std::string console;
  RunEnvironment environment;
  environment.console_input = "hello, guest: more than one FIFO";
  environment.console = [&](uint8_t byte) { return console += static_cast<char>(byte), true; };
  const auto report = execute(run, environment);
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end == vmm::RunEnd::kMaxInstructions);
  CHECK(console == environment.console_input);
}

TEST_CASE("a trace says what was run, and nothing of where") {
  const Image image(kOk);
  Run run = image.run();
  run.level = traces::TraceLevel::kExits;
  run.trace_file = image.trace();
  run.seed = 7;
  const auto report = execute(run, {});
  REQUIRE(report.has_value());
  const auto reader = traces::Reader::open(run.trace_file);
  REQUIRE(reader.has_value());
  REQUIRE(reader.value().run());
  const auto& start = *reader.value().run();
  CHECK(start.machine == "model");
  CHECK(start.seed == 7);
  CHECK(start.guest.find('/') == std::string_view::npos);
  CHECK(start.guest_hash.size() == 64);
  CHECK(start.host.empty());
  CHECK(reader.value().event_count() == report.value().trace_events);
}

TEST_CASE("an image that cannot be loaded leaves an older trace alone") {
  const Image image(kOk);
  std::ofstream(image.trace()) << "older";
  Run run = image.run();
  run.level = traces::TraceLevel::kExits;
  run.trace_file = image.trace();
  run.guest.load_address = 0x10000000;  // outside RAM
  CHECK(execute(run, {}).has_error());
  CHECK(std::filesystem::file_size(image.trace()) == 5);
}

TEST_CASE("an endless loop ends at each bound") {
  const Image image(kLoop);
  Run run = image.run();
  run.bounds.timeout = std::chrono::milliseconds(100);
  auto report = execute(run, {});
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end == vmm::RunEnd::kTimeout);
  run.bounds.instructions = 1000;
  report = execute(run, {});
  REQUIRE(report.has_value());
  CHECK(report.value().outcome.end == vmm::RunEnd::kMaxInstructions);
  CHECK(report.value().outcome.totals.instructions == 1000);
}

TEST_CASE("characters of the VGA's font as UTF-8") {
  CHECK(cp437_to_utf8('A') == "A");
  CHECK(cp437_to_utf8(0) == " ");
  CHECK(cp437_to_utf8(0xb0) == "\u2591");
  CHECK(cp437_to_utf8(0xe1) == "\u00df");
  CHECK(cp437_to_utf8(0xfe) == "\u25a0");
}
