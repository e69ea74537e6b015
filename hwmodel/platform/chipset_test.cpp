// The controllers together, as a CPU and a kernel see them: virtual wire, observers, access sizes.
#include "hwmodel/platform/chipset.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "hwmodel/platform/chipset_fixture.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

TEST_CASE("without any APIC set-up the 8259A's interrupts reach the first CPU, and only that") {
  ChipsetFixture f(2);
  f.remap_pics();
  f.chipset.set_irq(irq::kKeyboard, true);
  CHECK(f.pending(0));
  CHECK_FALSE(f.pending(1));
  CHECK(f.attention == std::vector<unsigned>{0});
  CHECK(f.take() == 0x21);
  CHECK_FALSE(f.pending());
  f.out(0x20, 0x20);
}

TEST_CASE("a timer kernel: PIT at 100 Hz through the 8259A, with EOI") {
  ChipsetFixture f;
  f.remap_pics();
  f.out(0x43, 0x34);
  f.out(0x40, 11932 & 0xff);
  f.out(0x40, 11932 >> 8);
  unsigned ticks = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    f.clock.advance(1'000'000);
    while (f.pending()) {
      CHECK(f.take() == 0x20);
      f.out(0x20, 0x20);
      ++ticks;
    }
  }
  CHECK(ticks == 100);  // 99 full periods, and the rise when the mode was set
}

TEST_CASE("LINT0's mask shuts the wire, and opening it finds the waiting request") {
  ChipsetFixture f;
  f.remap_pics();
  f.set_apic(kLvtLint0, kMasked | 0x700);
  f.chipset.set_irq(1, true);
  CHECK_FALSE(f.pending());
  CHECK(f.attention.empty());
  f.set_apic(kLvtLint0, 0x700);
  CHECK(f.attention.size() == 1);
  CHECK(f.take() == 0x21);
}

TEST_CASE("a disabled local APIC leaves INTR connected and its page to the bus") {
  ChipsetFixture f;
  f.remap_pics();
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00100));
  CHECK_FALSE(f.chipset.owns_mmio(0, GuestPhysical(kApic)));
  f.chipset.set_irq(1, true);
  CHECK(f.take() == 0x21);
}

TEST_CASE("virtual wire through pin 0 of the I/O APIC") {
  ChipsetFixture f;
  f.enable_apic();
  f.remap_pics();
  f.chipset.set_irq(1, true);
  CHECK_FALSE(f.pending());
  f.attention.clear();
  f.route(0, 0x700);
  CHECK_FALSE(f.attention.empty());
  CHECK(f.take() == 0x21);
}

TEST_CASE("an observer sees every access to a controller and nothing else") {
  struct Recorder final : Observer {
    std::string log;
    void on_device_access(std::string_view device, bool mmio, bool write, uint64_t address, unsigned size,
                          uint64_t value) override {
      log += fmt::format("{} {} {} {:x}/{}={:x};", device, mmio ? "mmio" : "port", write ? "w" : "r", address, size,
                         value);
    }
  } recorder;
  ChipsetFixture f;
  f.chipset.observer = &recorder;
  f.out(0x21, 0xfe);
  f.in(0x21);
  f.out(0x43, 0x34);
  f.apic(kVersion);
  f.set_io(0, 0);
  uint32_t value = 0;
  CHECK_FALSE(f.chipset.port_read(0x3f8, 1, value));
  CHECK_FALSE(f.chipset.port_write(0x60, 2, 0));
  CHECK(recorder.log ==
        "pic port w 21/1=fe;pic port r 21/1=fe;pit port w 43/1=34;lapic mmio r fee00030/4=50014;"
        "ioapic mmio w fec00000/4=0;ioapic mmio w fec00010/4=0;");
}

TEST_CASE("wide port accesses are split into bytes") {
  ChipsetFixture f;
  REQUIRE(f.chipset.port_write(0x20, 2, 0x5511));  // ICW1 and, at 0x21, ICW2
  f.out(0x21, 4);
  f.out(0x21, 1);
  REQUIRE(f.chipset.port_write(0x21, 4, 0x12345600));  // the mask; the rest is nobody's
  f.chipset.set_irq(1, true);
  CHECK(f.take() == 0x51);
  uint32_t value = 0;
  REQUIRE(f.chipset.port_read(0x4d0, 4, value));
  CHECK(value == 0xffff0000);
}
