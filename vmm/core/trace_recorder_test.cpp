// A scripted run written to a trace and read back: every event with its fields, and exits paired with entries.
#include "vmm/core/trace_recorder.h"

#include <unistd.h>

#include <fmt/format.h>

#include <filesystem>

#include "tests/catch.h"
#include "traces/read/reader.h"
#include "vmm/core/run_loop.h"
#include "vmm/testing/scripted_machine.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

// One line per event, in order.
std::vector<std::string> lines_of(const std::string& path) {
  const auto reader = traces::Reader::open(path);
  REQUIRE(reader);
  std::vector<std::string> lines;
  const auto add = [&](auto&&... parts) { lines.push_back(fmt::format(std::forward<decltype(parts)>(parts)...)); };
  reader.value().visit(overloaded{
      [&](const traces::RunStart& e) { add(fmt::runtime("start {} {} at {}"), e.machine, e.guest, e.time); },
      [&](const traces::RunEnd& e) { add(fmt::runtime("end {} '{}' exits {} duration {}"), e.outcome, e.detail, e.exits, e.duration); },
      [&](const traces::Exit& e) {
        add(fmt::runtime("exit {} at {} guest {} raw {} qualification {}"), traces::name_of(e.reason), e.time, e.guest_time, e.raw_code, e.qualification);
      },
      [&](const traces::Entry& e) { add(fmt::runtime("entry at {} monitor {}"), e.time, e.monitor_time); },
      [&](const traces::PortAccess& e) {
        add(fmt::runtime("port {:#x} {} value {:#x} size {} count {} by '{}'"), e.port, e.direction == traces::Direction::kWrite ? "write" : "read", e.value, e.size, e.count, e.device);
      },
      [&](const traces::MmioAccess& e) { add(fmt::runtime("mmio {:#x} value {:#x} by '{}'"), e.address, e.value, e.device); },
      [&](const traces::Marker& e) { add(fmt::runtime("marker {}"), e.value); },
      [&](const traces::Counter& e) { add(fmt::runtime("counter {} {}"), e.name, e.value); },
      [&](const auto&) { add(fmt::runtime("other")); },
  });
  return lines;
}

// Marks when written to.
class Marking final : public hw::Device {
 public:
  explicit Marking(DeviceRequests& requests) : requests_(requests) {}
  std::string_view name() const override { return "marking"; }
  uint64_t read(uint64_t, unsigned) override { return 0x5a; }
  void write(uint64_t, unsigned, uint64_t value) override { requests_.mark(static_cast<uint32_t>(value)); }

 private:
  DeviceRequests& requests_;
};

}  // namespace

TEST_CASE("a run's trace holds what happened, in order") {
  const std::string path = (std::filesystem::temp_directory_path() / ("ringside-recorder-" + std::to_string(::getpid()) + ".rst")).string();
  ScriptedMachine machine;
  DeviceRequests requests;
  Marking device(requests);
  REQUIRE(machine.bus().claim_ports(0xf8, 4, device));
  machine.named_counters = {{"things", 12}};
  machine.script = {
      {.cause = PortExit{.port = 0xf8, .size = 2, .direction = Direction::kWrite, .count = 2, .data = {}}, .data = {0x34, 0x12, 0x78, 0x56}},
      {.cause = PortExit{.port = 0xf9, .size = 1, .direction = Direction::kRead, .count = 1, .data = {}}, .data = {0}},
      {.cause = MmioExit{.address = GuestPhysical(0xd0000000), .size = 4, .direction = Direction::kWrite, .value = 7}},
      {.cause = MsrExit{.index = 0x1b, .direction = Direction::kRead, .value = 0, .fault = false}},
      {.cause = HaltExit{}, .guest_time = 100},
  };
  {
    auto writer = traces::Writer::create(path, trace_clock_of(machine));
    REQUIRE(writer);
    traces::RunStart description;
    description.machine = machine.name();
    description.guest = "guest.elf";
    TraceRecorder recorder(*writer.value(), numbering_of(machine), description);
    REQUIRE(run(machine, requests, recorder, {}));
    REQUIRE(writer.value()->close());
  }
  const std::vector<std::string> expected = {
      "start scripted guest.elf at 0",
      "entry at 0 monitor 0",
      "exit IO_INSTRUCTION at 10 guest 10 raw 0 qualification 0",
      "port 0xf8 write value 0x1234 size 2 count 2 by 'marking'",
      "marker 4660",
      "marker 22136",
      "entry at 10 monitor 0",
      "exit IO_INSTRUCTION at 20 guest 10 raw 0 qualification 0",
      "port 0xf9 read value 0x5a size 1 count 1 by 'marking'",
      "entry at 20 monitor 0",
      "exit MMIO at 30 guest 10 raw 0 qualification 0",
      "mmio 0xd0000000 value 0x7 by ''",
      "entry at 30 monitor 0",
      "exit MSR_READ at 40 guest 10 raw 0 qualification 27",
      "entry at 40 monitor 0",
      "exit HLT at 140 guest 100 raw 0 qualification 0",
      "counter things 12",
      "end halted-forever '' exits 5 duration 140",
  };
  CHECK(lines_of(path) == expected);
  std::filesystem::remove(path);
  CHECK(machine.vcpu(0).msr_faults == std::vector<bool>{true});
}

TEST_CASE("every cause has a reason in the trace's vocabulary") {
  using traces::ExitReason;
  CHECK(reason_of(ShutdownExit{}) == ExitReason::kTripleFault);
  CHECK(reason_of(FailEntryExit{}) == ExitReason::kInvalidGuestState);
  CHECK(reason_of(MsrExit{.index = 1, .direction = Direction::kWrite}) == ExitReason::kMsrWrite);
  CHECK(reason_of(UnknownExit{}) == ExitReason::kUnknown);
}
