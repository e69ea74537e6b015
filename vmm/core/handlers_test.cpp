// Port and MMIO handlers against a probe device, without any machine.
#include "vmm/core/handlers.h"

#include <array>

#include "tests/catch.h"
#include "vmm/testing/scripted_machine.h"

using namespace ringside;
using namespace ringside::vmm;
using ringside::vmm::testing::ProbeDevice;

TEST_CASE("a port write reaches the device with its offset, size and value") {
  hw::Bus bus;
  ProbeDevice probe;
  REQUIRE(bus.claim_ports(0x3f8, 8, probe));
  std::array<uint8_t, 2> data = {0x34, 0x12};
  PortExit exit{.port = 0x3fa, .size = 2, .direction = Direction::kWrite, .count = 1, .data = data};
  CHECK(handle_port_exit(bus, exit) == "probe");
  REQUIRE(probe.writes.size() == 1);
  CHECK(probe.writes[0].offset == 2);
  CHECK(probe.writes[0].size == 2);
  CHECK(probe.writes[0].value == 0x1234);
}

TEST_CASE("string I/O moves each element through the same port") {
  hw::Bus bus;
  ProbeDevice probe;
  REQUIRE(bus.claim_ports(0x10, 1, probe));
  std::array<uint8_t, 6> data{};
  PortExit exit{.port = 0x10, .size = 2, .direction = Direction::kRead, .count = 3, .data = data};
  handle_port_exit(bus, exit);
  CHECK(probe.reads.size() == 3);
  CHECK(data == std::array<uint8_t, 6>{0x11, 0, 0x12, 0, 0x13, 0});
}

TEST_CASE("a count beyond the data touches only the data") {
  hw::Bus bus;
  ProbeDevice probe;
  REQUIRE(bus.claim_ports(0x10, 1, probe));
  std::array<uint8_t, 5> data{};
  PortExit exit{.port = 0x10, .size = 4, .direction = Direction::kWrite, .count = 1000, .data = data};
  handle_port_exit(bus, exit);
  CHECK(probe.writes.size() == 1);
}

TEST_CASE("unclaimed ports and addresses read as all ones") {
  hw::Bus bus;
  std::array<uint8_t, 4> data{};
  PortExit port{.port = 0x99, .size = 4, .direction = Direction::kRead, .count = 1, .data = data};
  CHECK(handle_port_exit(bus, port).empty());
  CHECK(data == std::array<uint8_t, 4>{0xff, 0xff, 0xff, 0xff});
  MmioExit mmio{.address = GuestPhysical(0xf0000000), .size = 2, .direction = Direction::kRead, .value = 0};
  CHECK(handle_mmio_exit(bus, mmio).empty());
  CHECK(mmio.value == 0xffff);
}

TEST_CASE("memory-mapped accesses reach the device, and loads are cut to their size") {
  hw::Bus bus;
  ProbeDevice probe;
  REQUIRE(bus.claim_mmio(GuestPhysical(0xd0000000), 0x1000, probe));
  probe.next_value = 0x1'0000'00ab;
  MmioExit load{.address = GuestPhysical(0xd0000010), .size = 1, .direction = Direction::kRead, .value = 0};
  CHECK(handle_mmio_exit(bus, load) == "probe");
  CHECK(load.value == 0xab);
  MmioExit store{.address = GuestPhysical(0xd0000020), .size = 8, .direction = Direction::kWrite, .value = 7};
  handle_mmio_exit(bus, store);
  REQUIRE(probe.writes.size() == 1);
  CHECK(probe.writes[0].offset == 0x20);
}

TEST_CASE("unknown MSRs fault and unknown hypercalls are refused") {
  MsrExit msr{.index = 0x123, .direction = Direction::kRead, .value = 0, .fault = false};
  handle_msr_exit(msr);
  CHECK(msr.fault);
  HypercallExit call{.number = 77, .argument = {}, .result = 5};
  handle_hypercall_exit(call);
  CHECK(static_cast<int64_t>(call.result) == -1000);
}
