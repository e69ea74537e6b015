// The writer when things go wrong: killed in the middle, a full disk, a forbidden path. What was written before stays readable.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.h"
#include "traces/read/sample_trace.h"

using namespace ringside;
using namespace ringside::traces;
using namespace ringside::traces::test;

namespace {

Exit nth_exit(uint64_t n) { return {.time = n * 100, .vcpu = 0, .reason = ExitReason::kCpuid, .rip = n * 7919, .guest_time = n % 91}; }

// Runs `work` in a child and waits for its end.
template <class Work>
int in_child(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("after kill -9 every finished chunk is readable") {
  const TemporaryFile file;
  constexpr uint64_t kEvents = 100'000;
  const int status = in_child([&] {
    auto writer = Writer::create(file.path, Clock{}, {.chunk_bytes = 4096}).value();
    writer->emit(RunStart{.machine = "model"});
    for (uint64_t i = 0; i < kEvents; ++i) writer->emit(nth_exit(i));
    kill(getpid(), SIGKILL);
  });
  REQUIRE(WIFSIGNALED(status));
  const auto reader = Reader::open(file.path).value();
  CHECK_FALSE(reader.complete());
  CHECK(reader.run()->machine == "model");
  CHECK(reader.torn_bytes() == 0);  // nothing was half written
  CHECK(reader.event_count() > kEvents - 4096);  // at most one chunk is missing, and no event takes less than a byte
  std::vector<std::string> expected = {line_of(RunStart{.machine = "model"})};
  for (uint64_t i = 0; i + 1 < reader.event_count(); ++i) expected.push_back(line_of(nth_exit(i)));
  CHECK(lines_of(reader) == expected);
}

TEST_CASE("killed right after its start, a run's trace still says what was run") {
  const TemporaryFile file;
  in_child([&] {
    auto writer = Writer::create(file.path, Clock{}).value();
    writer->emit(RunStart{.machine = "kvm", .guest = "teaching.elf"});
    writer->emit(nth_exit(1));
    kill(getpid(), SIGKILL);
  });
  const auto reader = Reader::open(file.path).value();
  REQUIRE(reader.run());
  CHECK(reader.run()->guest == "teaching.elf");
}

TEST_CASE("a flushed event is on disk") {
  const TemporaryFile file;
  in_child([&] {
    auto writer = Writer::create(file.path, Clock{}).value();
    writer->emit(nth_exit(1));
    if (!writer->flush()) _exit(1);
    kill(getpid(), SIGKILL);
  });
  CHECK(Reader::open(file.path).value().event_count() == 1);
}

// RLIMIT_FSIZE stands for a full disk: writes come up short, then fail.
TEST_CASE("on a full disk the writer says so once, counts what is lost, and leaves a valid file") {
  const TemporaryFile file;
  constexpr uint64_t kEvents = 200'000;
  const int status = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    // What is left of the disk where a chunk did not fit must hold the last words: chunks are large beside those.
    const rlimit limit = {200'000, 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = Writer::create(file.path, Clock{}, {.chunk_bytes = 64 * 1024}).value();
    int errors = 0;
    for (uint64_t i = 0; i < kEvents; ++i) {
      writer->emit(nth_exit(i));
      if (auto error = writer->take_error()) errors += error->code == ExitCode::kOutput;
    }
    const bool counted = writer->failed() && writer->events() + writer->lost_events() == kEvents && writer->lost_events() > 0;
    const bool closed = static_cast<bool>(writer->close());  // the error was handed out already
    _exit(errors == 1 && counted && closed ? 0 : 1);
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  const auto reader = Reader::open(file.path).value();
  CHECK(reader.verify() == 0);
  CHECK(reader.torn_bytes() == 0);
  CHECK(reader.complete());  // the last words, how much is lost, still fit
  uint64_t exits = 0, lost = 0;
  reader.visit(overloaded{[&](const Exit&) { ++exits; }, [&](const LostEvents& event) { lost += event.count; }});
  CHECK(exits > 1000);
  CHECK(exits + lost == kEvents);
}

TEST_CASE("a closed writer has not failed; what comes later is counted as lost") {
  const TemporaryFile file;
  auto writer = Writer::create(file.path, Clock{}).value();
  writer->emit(nth_exit(1));
  REQUIRE(writer->close());
  CHECK_FALSE(writer->failed());
  writer->emit(nth_exit(2));
  REQUIRE(writer->close());
  CHECK(writer->events() == 1);
  CHECK(writer->lost_events() == 1);
  CHECK(Reader::open(file.path).value().event_count() == 1);
}

TEST_CASE("an error nobody asked for is reported when the writer closes") {
  const TemporaryFile file;
  const int status = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    auto writer = Writer::create(file.path, Clock{}, {.chunk_bytes = 1024}).value();
    const rlimit limit = {writer->file_bytes(), writer->file_bytes()};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (uint64_t i = 0; i < 10'000; ++i) writer->emit(nth_exit(i));
    const auto closed = writer->close();
    _exit(!closed && closed.error().code == ExitCode::kOutput && writer->lost_events() == 10'000 ? 0 : 1);
  });
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(Reader::open(file.path).value().event_count() == 0);
}

TEST_CASE("a path that cannot be written is an error with the path and the reason") {
  using Catch::Matchers::Contains;
  const auto missing = Writer::create("/no/such/folder/t.rst", Clock{});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ExitCode::kOutput);
  CHECK_THAT(missing.error().message, Contains("/no/such/folder/t.rst") && Contains("No such file"));
  const auto full = Writer::create("/dev/full", Clock{});
  REQUIRE_FALSE(full);
  CHECK_THAT(full.error().message, Contains("No space left"));
}

TEST_CASE("a trace being read is not disturbed by a run that writes the same path") {
  const TemporaryFile file;
  const auto expected = write_small_trace(file.path);
  const auto reader = Reader::open(file.path).value();
  write_small_trace(file.path, 1);
  CHECK(lines_of(reader) == expected);
}
