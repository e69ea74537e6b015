// The run loop against a scripted machine: every end, every bound, what is recorded and what is counted.
#include "vmm/core/run_loop.h"

#include "tests/catch.h"
#include "vmm/testing/scripted_machine.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

// Writes down the order of events as one letter each.
class LetterRecorder final : public Recorder {
 public:
  std::string letters;
  std::vector<uint64_t> monitor_times, exit_guest_times;
  std::vector<uint32_t> markers;
  void on_run_start(Cycles) override { letters += 'S'; }
  void on_run_end(Cycles, const RunOutcome&) override { letters += 'E'; }
  void on_exit(const Exit& e) override {
    letters += 'x';
    exit_guest_times.push_back(e.info.guest_time.value);
  }
  void on_entry(unsigned, Cycles, Cycles monitor) override {
    letters += 'n';
    monitor_times.push_back(monitor.value);
  }
  void on_port(const ExitInfo&, const PortExit&, std::string_view) override { letters += 'p'; }
  void on_mmio(const ExitInfo&, const MmioExit&, std::string_view) override { letters += 'm'; }
  void on_marker(unsigned, Cycles, uint32_t value) override { markers.push_back(value); }
  void on_counters(Cycles, std::span<const NamedCounter>) override { letters += 'c'; }
};

PortExit out8(uint16_t port) { return {.port = port, .size = 1, .direction = Direction::kWrite, .count = 1, .data = {}}; }
PortExit in8(uint16_t port) { return {.port = port, .size = 1, .direction = Direction::kRead, .count = 1, .data = {}}; }

RunOutcome run_script(ScriptedMachine& machine, Recorder& recorder, const RunOptions& options = {}) {
  DeviceRequests requests;
  auto outcome = run(machine, requests, recorder, options);
  REQUIRE(outcome);
  return outcome.value();
}

// Asks for something when written to.
class RequestDevice final : public hw::Device {
 public:
  RequestDevice(DeviceRequests& requests, RequestKind kind) : requests_(requests), kind_(kind) {}
  std::string_view name() const override { return "request"; }
  uint64_t read(uint64_t, unsigned) override { return 0; }
  void write(uint64_t, unsigned, uint64_t value) override {
    requests_.mark(7);
    requests_.ask(kind_, static_cast<uint32_t>(value));
  }

 private:
  DeviceRequests& requests_;
  RequestKind kind_;
};

}  // namespace

TEST_CASE("events are recorded in order, and exits equal entries") {
  ScriptedMachine machine;
  machine.script = {{.cause = out8(0x80), .data = {1}}, {.cause = MmioExit{.address = GuestPhysical(0xd0000000), .size = 4}},
                    {.cause = HaltExit{}}};
  LetterRecorder recorder;
  const RunOutcome outcome = run_script(machine, recorder);
  CHECK(recorder.letters == "SnxpnxmnxE");
  CHECK(outcome.end == RunEnd::kHaltedForever);
  CHECK(outcome.totals.exits == 3);
  CHECK(outcome.totals.entries == 3);
  CHECK(outcome.totals.guest_time.value == 30);
  CHECK(outcome.totals.exits_by_cause[ExitCause(PortExit{}).index()] == 1);
  CHECK(machine.vcpu(0).mmio_answers == std::vector<uint64_t>{0xffffffff});
}

TEST_CASE("each device request ends the run in its own way") {
  const auto [kind, end, code] = GENERATE(table<RequestKind, RunEnd, ExitCode>(
      {{RequestKind::kPowerOff, RunEnd::kPoweredOff, ExitCode::kOk},
       {RequestKind::kReset, RunEnd::kResetRequested, ExitCode::kOk},
       {RequestKind::kDebugExit, RunEnd::kDebugExit, ExitCode::kGuestFailed}}));
  ScriptedMachine machine;
  DeviceRequests requests;
  RequestDevice device(requests, kind);
  REQUIRE(machine.bus().claim_ports(0xf4, 1, device));
  machine.script = {{.cause = out8(0xf4), .data = {42}}};
  LetterRecorder recorder;
  auto outcome = run(machine, requests, recorder, {});
  REQUIRE(outcome);
  CHECK(outcome.value().end == end);
  CHECK(exit_code(outcome.value()) == code);
  CHECK_FALSE(outcome.value().post_mortem);
  CHECK(recorder.markers == std::vector<uint32_t>{7});
  if (end == RunEnd::kDebugExit) CHECK(outcome.value().exit_value == 42);
}

TEST_CASE("exit causes that end the run") {
  const auto [cause, end] = GENERATE(table<ExitCause, RunEnd>({
      {ShutdownExit{}, RunEnd::kTripleFault},
      {HaltExit{}, RunEnd::kHaltedForever},
      {FailEntryExit{.hardware_reason = 33}, RunEnd::kMachineFailed},
      {InternalErrorExit{}, RunEnd::kMachineFailed},
      {UnknownExit{}, RunEnd::kMachineFailed},
      {SystemEventExit{.kind = SystemEventKind::kPowerOff, .raw = 1}, RunEnd::kPoweredOff},
      {SystemEventExit{.kind = SystemEventKind::kReset, .raw = 2}, RunEnd::kResetRequested},
      {SystemEventExit{.kind = SystemEventKind::kCrash, .raw = 3}, RunEnd::kMachineFailed},
  }));
  ScriptedMachine machine;
  machine.script = {{.cause = cause}};
  LetterRecorder recorder;
  CHECK(run_script(machine, recorder).end == end);
}

TEST_CASE("slices are no exits, and their guest time joins the next exit") {
  ScriptedMachine machine;
  const InterruptedExit slice{.by = InterruptedBy::kSlice};
  machine.script = {{.cause = slice, .guest_time = 100}, {.cause = slice, .guest_time = 100}, {.cause = HaltExit{}, .guest_time = 5}};
  LetterRecorder recorder;
  const RunOutcome outcome = run_script(machine, recorder);
  CHECK(recorder.letters == "SnxE");
  CHECK(recorder.exit_guest_times == std::vector<uint64_t>{205});
  CHECK(outcome.totals.guest_time.value == 205);
}

TEST_CASE("a kick alone does not end the run; the stop flag does") {
  ScriptedMachine machine;
  machine.script = {{.cause = InterruptedExit{.by = InterruptedBy::kKick}}, {.cause = HaltExit{}}};
  LetterRecorder recorder;
  CHECK(run_script(machine, recorder).end == RunEnd::kHaltedForever);

  std::atomic<bool> stop = true;
  machine.script = {{.cause = HaltExit{}}};
  RunOptions options;
  options.limits.stop = &stop;
  const RunOutcome outcome = run_script(machine, recorder, options);
  CHECK(outcome.end == RunEnd::kInterrupted);
  CHECK(exit_code(outcome) == ExitCode::kInterrupted);
  CHECK(outcome.totals.exits == 0);
}

TEST_CASE("bounds end an endless guest") {
  ScriptedMachine machine;
  LetterRecorder recorder;
  RunOptions options;
  SECTION("guest time") {
    options.limits.guest_time = Cycles(1000);
    const RunOutcome outcome = run_script(machine, recorder, options);
    CHECK(outcome.end == RunEnd::kTimeout);
    CHECK(outcome.totals.exits == 1);
    CHECK(outcome.totals.guest_time.value == 1000);
  }
  SECTION("wall time") {
    options.limits.wall_time = std::chrono::milliseconds(20);
    CHECK(run_script(machine, recorder, options).end == RunEnd::kTimeout);
  }
  SECTION("instructions") {
    options.limits.instructions = 12;
    CHECK(run_script(machine, recorder, options).end == RunEnd::kMaxInstructions);
  }
  SECTION("exits") {
    for (int i = 0; i < 20; ++i) machine.script.push_back({.cause = out8(0x80), .data = {0}});
    options.limits.exits = 5;
    const RunOutcome outcome = run_script(machine, recorder, options);
    CHECK(outcome.end == RunEnd::kMaxExits);
    CHECK(outcome.totals.exits == 5);
    CHECK(exit_code(outcome) == ExitCode::kLimit);
  }
}

TEST_CASE("a host failure is an error, and the trace still gets its end") {
  ScriptedMachine machine;
  machine.vcpu(0).fail_next = true;
  LetterRecorder recorder;
  DeviceRequests requests;
  const auto outcome = run(machine, requests, recorder, {});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ExitCode::kHost);
  CHECK(recorder.letters == "SnE");
}

TEST_CASE("a recorder that fails ends the run") {
  class FailingRecorder final : public Recorder {
   public:
    bool full = false;
    void on_exit(const Exit&) override { full = true; }
    bool failed() const override { return full; }
  };
  ScriptedMachine machine;
  for (int i = 0; i < 5; ++i) machine.script.push_back({.cause = out8(0x80), .data = {0}});
  FailingRecorder recorder;
  const RunOutcome outcome = run_script(machine, recorder);
  CHECK(outcome.end == RunEnd::kRecordingFailed);
  CHECK(outcome.totals.exits == 1);
  CHECK(exit_code(outcome) == ExitCode::kOutput);
}

TEST_CASE("machine counters are recorded at the end") {
  ScriptedMachine machine;
  machine.named_counters = {{"exits", 3}};
  machine.script = {{.cause = HaltExit{}}};
  LetterRecorder recorder;
  run_script(machine, recorder);
  CHECK(recorder.letters == "SnxcE");
}

TEST_CASE("a triple fault leaves registers, code and the last exits") {
  ScriptedMachine machine;
  Registers& r = machine.vcpu(0).state;
  r.cr0 = 1;
  r.rip = 0x1000;
  r.segment[hw::kCs].rights = hw::access_rights::kDb;
  r.gpr[hw::kRax] = 0xabcdef;
  const uint8_t code[] = {0x0f, 0x0b, 0xf4};  // ud2; hlt
  for (unsigned i = 0; i < sizeof code; ++i) machine.memory().write(GuestPhysical(0x1000 + i), code[i]);
  for (uint8_t i = 0; i < 40; ++i) machine.script.push_back({.cause = out8(0x80), .data = {i}});
  machine.script.push_back({.cause = in8(0x81), .data = {0}});
  machine.script.push_back({.cause = ShutdownExit{}});
  LetterRecorder recorder;
  RunOptions options;
  options.kept_exits = 4;
  const RunOutcome outcome = run_script(machine, recorder, options);
  REQUIRE(outcome.post_mortem);
  const PostMortem& p = *outcome.post_mortem;
  CHECK_FALSE(p.registers_lost);
  REQUIRE(p.last_exits.size() == 4);
  CHECK(p.last_exits[0].text == "port write 0x80 size 1 value 0x26");
  CHECK(p.last_exits[3].text == "shutdown (triple fault)");
  REQUIRE(p.code.size() >= 2);
  CHECK(p.code[0].text == "ud2");
  CHECK(p.code[1].text == "hlt");
  const std::string report = post_mortem_text(outcome);
  CHECK(report.find("0000000000abcdef") != std::string::npos);
  CHECK(report.find("ud2") != std::string::npos);
}

TEST_CASE("registers of a CPU the host has reset are called lost") {
  ScriptedMachine machine;
  machine.vcpu(0).state = reset_registers();
  machine.script = {{.cause = ShutdownExit{}}};
  LetterRecorder recorder;
  const RunOutcome outcome = run_script(machine, recorder);
  REQUIRE(outcome.post_mortem);
  CHECK(outcome.post_mortem->registers_lost);
}

TEST_CASE("every end has a name and a sentence") {
  RunOutcome outcome;
  for (int i = 0; i <= static_cast<int>(RunEnd::kInterrupted); ++i) {
    outcome.end = static_cast<RunEnd>(i);
    CHECK_FALSE(name_of(outcome.end).empty());
    CHECK(sentence(outcome).find("vmm.") == std::string::npos);
    CHECK(sentence(outcome).find('{') == std::string::npos);
  }
}
