// The PC's devices on a machine's bus: each port reaches its device, requests reach the run, plugging in twice is refused.
#include "vmm/devices/pc_devices.h"

#include "hwmodel/platform/acpi_pm.h"
#include "hwmodel/platform/ports.h"
#include "tests/catch.h"
#include "vmm/core/handlers.h"
#include "vmm/testing/scripted_machine.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

struct Pc {
  ScriptedMachine machine;
  DeviceRequests requests;
  std::string serial, console;
  std::unique_ptr<PcDevices> devices;

  Pc() {
    PcOptions options;
    options.serial_output = [this](uint8_t c) { serial += static_cast<char>(c); };
    options.debug_console_output = [this](uint8_t c) { console += static_cast<char>(c); };
    auto made = PcDevices::create(machine, requests, options);
    REQUIRE(made);
    devices = std::move(made.value());
  }
  std::string out(uint16_t port, uint32_t value, uint8_t size = 1) {
    std::array<uint8_t, 4> data;
    std::memcpy(data.data(), &value, 4);
    PortExit exit{.port = port, .size = size, .direction = Direction::kWrite, .count = 1, .data = std::span(data).first(size)};
    return std::string(handle_port_exit(machine.bus(), exit));
  }
  uint32_t in(uint16_t port, uint8_t size = 1) {
    std::array<uint8_t, 4> data{};
    PortExit exit{.port = port, .size = size, .direction = Direction::kRead, .count = 1, .data = std::span(data).first(size)};
    handle_port_exit(machine.bus(), exit);
    uint32_t value;
    std::memcpy(&value, data.data(), 4);
    return value;
  }
};

}  // namespace

TEST_CASE("bytes for the serial port and the debug console come out") {
  Pc pc;
  CHECK(pc.out(hw::ports::kCom1.first, 'A') == "uart");
  CHECK(pc.out(hw::ports::kDebugConsole.first, 'B') == "debugcon");
  CHECK(pc.serial == "A");
  CHECK(pc.console == "B");
  CHECK(pc.in(hw::ports::kDebugConsole.first) == 0xe9);
}

TEST_CASE("power-off, reset and exit reach the run") {
  Pc pc;
  SECTION("ACPI S5") {
    pc.out(hw::ports::kPm1aControl, (hw::AcpiPm::kSleepTypeS5 << 10) | 1 << 13, 2);
    REQUIRE(pc.requests.pending());
    CHECK(pc.requests.pending()->kind == RequestKind::kPowerOff);
  }
  SECTION("reset control register") {
    pc.out(hw::ports::kResetControl, hw::ports::kResetValue);
    REQUIRE(pc.requests.pending());
    CHECK(pc.requests.pending()->kind == RequestKind::kReset);
  }
  SECTION("keyboard controller") {
    pc.out(0x64, 0xfe);
    REQUIRE(pc.requests.pending());
    CHECK(pc.requests.pending()->kind == RequestKind::kReset);
  }
  SECTION("debug exit, and the first request wins") {
    pc.out(hw::ports::kDebugExit.first, 42, 4);
    pc.out(0x64, 0xfe);
    REQUIRE(pc.requests.pending());
    CHECK(pc.requests.pending()->kind == RequestKind::kDebugExit);
    CHECK(pc.requests.pending()->value == 42);
  }
}

TEST_CASE("markers are taken once") {
  Pc pc;
  pc.out(hw::ports::kMarker.first, 0xabcd1234, 4);
  CHECK(pc.requests.take_markers() == std::vector<uint32_t>{0xabcd1234});
  CHECK(pc.requests.take_markers().empty());
}

TEST_CASE("every port of the PC outside the chipset has a device") {
  Pc pc;
  for (const hw::PortRange range : {hw::ports::kKeyboard, hw::ports::kKeyboardCommand, hw::ports::kCmos, hw::ports::kSystemControlA, hw::ports::kCom1,
                                    hw::ports::kVga, hw::ports::kPciConfig, hw::ports::kDebugConsole, hw::ports::kDebugExit, hw::ports::kMarker,
                                    hw::ports::kAcpiPm})
    for (unsigned i = 0; i < range.count; ++i) CHECK(pc.machine.bus().find_port(static_cast<uint16_t>(range.first + i)).device);
}

TEST_CASE("a machine takes one set of devices") {
  Pc pc;
  DeviceRequests other;
  CHECK_FALSE(PcDevices::create(pc.machine, other, {}));
}

TEST_CASE("sinks may be left out") {
  ScriptedMachine machine;
  DeviceRequests requests;
  auto devices = PcDevices::create(machine, requests, {});
  REQUIRE(devices);
  std::array<uint8_t, 1> data = {'x'};
  PortExit exit{.port = 0x3f8, .size = 1, .direction = Direction::kWrite, .count = 1, .data = data};
  CHECK(handle_port_exit(machine.bus(), exit) == "uart");
}
