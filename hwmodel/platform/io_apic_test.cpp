// The I/O APIC behind its registers: edges, levels, remote IRR, routing.
#include "hwmodel/platform/io_apic.h"

#include "hwmodel/platform/chipset_fixture.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

TEST_CASE("the I/O APIC's identity") {
  ChipsetFixture f;
  CHECK(f.io(1) == 0x00170011);
  CHECK(f.io(0x10) == kMasked);
  CHECK(f.io(0x3f) == 0);
  CHECK(f.io(0x40) == 0xffffffff);
  f.set_io(0, 0x05000000);
  CHECK(f.io(0) == 0x05000000);
  CHECK(f.io(2) == 0x05000000);
  f.route(4, 0xffffffff, 0xff);
  CHECK(f.io(0x18) == (0x0001afffu & ~0x1000u));  // status bits are read-only
  CHECK(f.io(0x19) == 0xff000000);
}

TEST_CASE("an edge interrupts once") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(4, 0x34);
  f.chipset.set_irq(4, true);
  CHECK(f.take() == 0x34);
  CHECK(f.apic(kIsr + 0x10) == 1u << 0x14);
  CHECK(f.apic(kTmr + 0x10) == 0);
  f.chipset.set_irq(4, true);
  f.set_apic(kEoi, 0);
  CHECK_FALSE(f.pending());
  f.chipset.set_irq(4, false);
  f.chipset.set_irq(4, true);
  CHECK(f.take() == 0x34);
}

TEST_CASE("an edge on a masked pin is lost") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(4, 0x34 | kMasked);
  f.chipset.set_irq(4, true);
  f.route(4, 0x34);
  CHECK_FALSE(f.pending());
}

TEST_CASE("a level interrupts, holds remote IRR until EOI, and again while it stays") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(9, 0x39 | kLevel);
  f.chipset.set_irq(irq::kSci, true);
  CHECK((f.io(0x22) & kRemoteIrr) != 0);
  CHECK(f.take() == 0x39);
  CHECK(f.apic(kTmr + 0x10) == 1u << 0x19);
  CHECK_FALSE(f.pending());
  f.set_apic(kEoi, 0);
  CHECK(f.take() == 0x39);  // still asserted
  f.chipset.set_irq(irq::kSci, false);
  f.set_apic(kEoi, 0);
  CHECK_FALSE(f.pending());
  CHECK((f.io(0x22) & kRemoteIrr) == 0);
}

TEST_CASE("unmasking an asserted level pin interrupts; Linux's edge trick clears a stuck remote IRR") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(9, 0x39 | kLevel | kMasked);
  f.chipset.set_irq(9, true);
  CHECK_FALSE(f.pending());
  f.route(9, 0x39 | kLevel);
  CHECK(f.take() == 0x39);
  f.chipset.set_irq(9, false);
  f.route(9, 0x39 | kMasked);
  CHECK((f.io(0x22) & kRemoteIrr) == 0);
  f.route(9, 0x39 | kLevel);
  CHECK_FALSE(f.pending());
}

TEST_CASE("the timer arrives at pin 2, pins 16 and up have no 8259A behind them") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(2, 0x30);
  f.route(20, 0x44 | kLevel);
  f.chipset.set_irq(irq::kTimer, true);
  CHECK(f.take() == 0x30);
  f.set_apic(kEoi, 0);
  f.chipset.line(20)(true);
  CHECK(f.take() == 0x44);
  f.chipset.set_irq(1000, true);  // nothing, and no harm
}

TEST_CASE("a PIT in mode 2 through the I/O APIC, as Linux's check_timer wants it") {
  ChipsetFixture f;
  f.enable_apic();
  f.out(0x43, 0x34);
  f.out(0x40, 4773 & 0xff);  // 250 Hz
  f.out(0x40, 4773 >> 8);
  f.route(2, 0x30);
  unsigned ticks = 0;
  for (int i = 0; i < 100; ++i) {
    f.clock.advance(1'000'000);
    if (f.take() == 0x30) {
      ++ticks;
      f.set_apic(kEoi, 0);
    }
  }
  CHECK(ticks == 24);
}

TEST_CASE("a vector that was level-triggered is an edge again with its next request") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(9, 0x39 | kLevel);
  f.chipset.set_irq(9, true);
  CHECK(f.take() == 0x39);
  f.chipset.set_irq(9, false);
  f.set_apic(kEoi, 0);
  f.route(9, 0x39);
  f.chipset.set_irq(9, true);
  CHECK(f.take() == 0x39);
  CHECK(f.apic(kTmr + 0x10) == 0);
}

TEST_CASE("ISA line 2 is the cascade: it reaches neither controller") {
  ChipsetFixture f;
  f.enable_apic();
  f.route(2, 0x30);
  f.chipset.set_irq(irq::kCascade, true);
  CHECK_FALSE(f.pending());
}
