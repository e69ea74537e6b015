// The small ports of a PC: keyboard controller, port 92, PCI configuration and reset, debug ports, VGA registers.
#include <string>
#include <vector>

#include "hwmodel/platform/debug_ports.h"
#include "hwmodel/platform/fast_a20.h"
#include "hwmodel/platform/keyboard_controller.h"
#include "hwmodel/platform/pci_config.h"
#include "hwmodel/platform/vga_registers.h"
#include "tests/catch.h"

using namespace ringside::hw;

namespace {

struct Keyboard {
  unsigned resets = 0;
  KeyboardController controller{[this] { ++resets; }};
  KeyboardCommandPort command_port{controller};
  uint64_t status() { return command_port.read(0, 1); }
  void command(uint8_t value) { command_port.write(0, 1, value); }
  void data(uint8_t value) { controller.write(0, 1, value); }
  uint64_t data() { return controller.read(0, 1); }
};

}  // namespace

TEST_CASE("keyboard controller: no data, never busy, pulse of 0xfe resets") {
  Keyboard k;
  CHECK((k.status() & 0x03) == 0);
  k.command(0xff);
  CHECK(k.resets == 0);
  k.command(0xfe);
  CHECK(k.resets == 1);
}

// [Linux drivers/input/serio/i8042.c i8042_controller_init, i8042_check_aux]: every answer is there at once and nothing
// is found.
TEST_CASE("keyboard controller: a driver's probe needs no time-out") {
  Keyboard k;
  k.command(0x20);
  REQUIRE((k.status() & 0x01) != 0);
  const auto configuration = static_cast<uint8_t>(k.data());
  CHECK((k.status() & 0x01) == 0);
  CHECK((k.status() & 0x10) != 0);  // not locked
  k.command(0x60);
  k.data(static_cast<uint8_t>(configuration | 0x30));
  k.command(0x20);
  CHECK(k.data() == (configuration | 0x30));
  k.command(0xd3);
  k.data(0x5a);
  REQUIRE((k.status() & 0x21) == 0x01);
  CHECK(k.data() != 0x5a);  // no mouse port
  k.command(0xa9);
  CHECK(k.data() == 0x01);
  k.command(0xaa);
  CHECK(k.data() == 0x55);
  k.data(0xf2);  // identify, to a keyboard that is not there
  CHECK((k.status() & 0x41) == 0x41);
  CHECK(k.data() == 0xfe);
  CHECK((k.status() & 0x41) == 0x00);
}

TEST_CASE("keyboard controller: the A20 gate of boot loaders") {
  Keyboard k;
  k.command(0xd0);
  REQUIRE((k.status() & 0x01) != 0);
  const auto port = static_cast<uint8_t>(k.data());
  CHECK((port & 0x03) == 0x03);
  k.command(0xd1);
  k.data(port | 0x02);
  CHECK(k.resets == 0);
  k.command(0xd1);
  k.data(port & 0xfe);
  CHECK(k.resets == 1);
}

TEST_CASE("port 92: A20 is open, a rising bit 0 resets once") {
  unsigned resets = 0;
  FastA20 port([&] { ++resets; });
  CHECK(port.read(0, 1) == 0x02);
  port.write(0, 1, 0x03);
  port.write(0, 1, 0x03);
  CHECK(resets == 1);
  CHECK(port.read(0, 2) == 0xff03);
}

// [Linux arch/x86/pci/direct.c pci_check_type1]
TEST_CASE("PCI: the mechanism is there and the bus is empty") {
  unsigned resets = 0;
  PciConfig pci([&] { ++resets; });
  pci.write(3, 1, 0x01);
  pci.write(0, 4, 0x80000000);
  CHECK(pci.read(0, 4) == 0x80000000);
  CHECK(pci.read(4, 4) == 0xffffffff);
  CHECK(pci.read(6, 2) == 0xffff);
  pci.write(0, 4, 0xffffffff);
  CHECK(pci.read(0, 4) == 0x80fffffc);
  pci.write(4, 4, 0x12345678);
  CHECK(resets == 0);
}

TEST_CASE("reset control 0xcf9: bit 2 rising, as a byte") {
  unsigned resets = 0;
  PciConfig pci([&] { ++resets; });
  pci.write(0, 4, 0x80000600);  // its second byte is no reset
  CHECK(resets == 0);
  pci.write(1, 1, 0x02);
  CHECK(resets == 0);
  CHECK(pci.read(1, 1) == 0x02);
  pci.write(1, 1, 0x06);
  CHECK(resets == 1);
  pci.write(1, 1, 0x0e);
  CHECK(resets == 1);
  pci.write(1, 1, 0x00);
  pci.write(1, 1, 0x0e);
  CHECK(resets == 2);
}

TEST_CASE("debug console, debug exit and markers") {
  std::string text;
  std::vector<uint32_t> exits, marks;
  DebugConsole console([&](uint8_t c) { text += static_cast<char>(c); });
  DebugExit exit([&](uint32_t value) { exits.push_back(value); });
  MarkerPort marker([&](uint32_t value) { marks.push_back(value); });
  CHECK(console.read(0, 1) == 0xe9);
  for (const char c : std::string("ok")) console.write(0, 1, static_cast<uint8_t>(c));
  console.write(0, 4, 0x21222324);
  CHECK(text == "ok$");
  exit.write(0, 4, 0x10);
  exit.write(0, 1, 0x1ff);
  CHECK(exits == std::vector<uint32_t>{0x10, 0xff});
  CHECK(DebugExit::exit_status(0x10) == 33);
  CHECK(exit.read(0, 1) == 0);
  marker.write(0, 4, 0xdeadbeef);
  marker.write(0, 2, 0x12345);
  marker.write(2, 2, 7);
  CHECK(marks == std::vector<uint32_t>{0xdeadbeef, 0x2345});
  CHECK(marker.read(0, 4) == 0x2345);
}

TEST_CASE("VGA: cursor registers, as every console driver moves it") {
  VgaRegisters vga;
  constexpr uint64_t kIndex = 0x14, kData = 0x15;
  CHECK(vga.cursor_visible());
  CHECK(vga.cursor() == 0);
  vga.write(kIndex, 1, 0x0e);
  vga.write(kData, 1, 0x01);
  vga.write(kIndex, 2, 0x230f);  // index and data in one OUT
  CHECK(vga.cursor() == 0x123);
  CHECK(vga.read(kData, 1) == 0x23);
  vga.write(kIndex, 2, 0x200a);
  CHECK_FALSE(vga.cursor_visible());
  vga.write(kIndex, 2, 0xff01);  // 0 to 7 are protected
  CHECK(vga.read(kData, 1) == 0x4f);
  vga.write(kIndex, 2, 0x0e11);
  vga.write(kIndex, 2, 0x5001);
  CHECK(vga.read(kData, 1) == 0x50);
  vga.write(kIndex, 2, 0x50ff);  // no such register
  CHECK(vga.read(kData, 1) == 0);
}

TEST_CASE("VGA: waiting for retrace ends, attributes flip, the palette counts up") {
  VgaRegisters vga;
  constexpr uint64_t kStatus = 0x1a, kAttribute = 0x00;
  unsigned reads = 0;
  while (!(vga.read(kStatus, 1) & 0x08)) REQUIRE(++reads < 10);
  while (vga.read(kStatus, 1) & 0x08) REQUIRE(++reads < 10);
  vga.write(kAttribute, 1, 0x30);
  vga.write(kAttribute, 1, 0x0c);
  vga.write(kAttribute, 1, 0x31);
  vga.read(kStatus, 1);  // back to index
  vga.write(kAttribute, 1, 0x30);
  CHECK(vga.read(0x01, 1) == 0x0c);
  vga.write(0x08, 1, 255);
  for (const uint8_t v : {1, 2, 0xff, 4}) vga.write(0x09, 1, v);
  vga.write(0x07, 1, 255);
  CHECK(vga.read(0x09, 1) == 1);
  CHECK(vga.read(0x09, 1) == 2);
  CHECK(vga.read(0x09, 1) == 0x3f);
  CHECK(vga.read(0x09, 1) == 4);  // wrapped to entry 0
}
