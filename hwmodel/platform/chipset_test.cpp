// The controllers together, as a CPU and a kernel see them: virtual wire, I/O APIC routing, timers, priorities, IPIs.
#include "hwmodel/platform/chipset.h"

#include <fmt/format.h>

#include <string>
#include <tuple>
#include <vector>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/manual_clock.h"
#include "hwmodel/platform/ports.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

constexpr uint64_t kApic = mmio::kLocalApic, kIoApic = mmio::kIoApic;
enum ApicOffset : uint64_t {
  kId = 0x20,
  kVersion = 0x30,
  kTpr = 0x80,
  kPpr = 0xa0,
  kEoi = 0xb0,
  kLdr = 0xd0,
  kDfr = 0xe0,
  kSvr = 0xf0,
  kIsr = 0x100,
  kTmr = 0x180,
  kIrr = 0x200,
  kEsr = 0x280,
  kIcr = 0x300,
  kIcrHigh = 0x310,
  kLvtTimer = 0x320,
  kLvtLint0 = 0x350,
  kLvtLint1 = 0x360,
  kLvtError = 0x370,
  kInitial = 0x380,
  kCurrent = 0x390,
  kDivide = 0x3e0
};
constexpr uint32_t kMasked = 1u << 16, kLevel = 1u << 15, kRemoteIrr = 1u << 14, kLogical = 1u << 11;
constexpr uint32_t kPeriodic = 1u << 17, kTscDeadline = 2u << 17;
constexpr uint32_t kMsrBase = 0x1b, kMsrDeadline = 0x6e0;
constexpr uint64_t kX2apicBase = 0xfee00d00;

struct Fixture {
  explicit Fixture(unsigned cpus = 1)
      : chipset(clock.queue, cpus, [this](unsigned cpu) { attention.push_back(cpu); }) {}

  ManualClock clock;
  std::vector<unsigned> attention;
  Chipset chipset;

  uint32_t apic(uint64_t offset, unsigned cpu = 0) {
    uint64_t value = 0;
    REQUIRE(chipset.mmio_read(cpu, GuestPhysical(kApic + offset), 4, value));
    return static_cast<uint32_t>(value);
  }
  void set_apic(uint64_t offset, uint32_t value, unsigned cpu = 0) {
    REQUIRE(chipset.mmio_write(cpu, GuestPhysical(kApic + offset), 4, value));
  }
  uint32_t io(uint32_t index) {
    uint64_t value = 0;
    chipset.mmio_write(0, GuestPhysical(kIoApic), 4, index);
    REQUIRE(chipset.mmio_read(0, GuestPhysical(kIoApic + 0x10), 4, value));
    return static_cast<uint32_t>(value);
  }
  void set_io(uint32_t index, uint32_t value) {
    chipset.mmio_write(0, GuestPhysical(kIoApic), 4, index);
    chipset.mmio_write(0, GuestPhysical(kIoApic + 0x10), 4, value);
  }
  void route(unsigned pin, uint32_t low, uint32_t destination = 0) {
    set_io(0x11 + 2 * pin, destination << 24);
    set_io(0x10 + 2 * pin, low);
  }
  void out(uint16_t port, uint8_t value) { REQUIRE(chipset.port_write(port, 1, value)); }
  uint8_t in(uint16_t port) {
    uint32_t value = 0;
    REQUIRE(chipset.port_read(port, 1, value));
    return static_cast<uint8_t>(value);
  }
  void remap_pics() {
    for (const uint16_t port : {0x20, 0xa0}) {
      out(port, 0x11);
      out(port + 1, port == 0x20 ? 0x20 : 0x28);
      out(port + 1, port == 0x20 ? 4 : 2);
      out(port + 1, 1);
      out(port + 1, 0);
    }
  }
  // As Linux's setup_local_APIC without the 8259A.
  void enable_apic(unsigned cpu = 0) {
    set_apic(kSvr, 0x1ff, cpu);
    set_apic(kLvtLint0, kMasked | 0x700, cpu);
  }
  bool pending(unsigned cpu = 0) { return chipset.interrupt_pending(cpu); }
  int take(unsigned cpu = 0) { return chipset.interrupt_pending(cpu) ? chipset.acknowledge(cpu) : -1; }
  uint64_t msr(uint32_t index, unsigned cpu = 0) {
    uint64_t value = 0;
    REQUIRE(chipset.read_msr(cpu, index, value));
    return value;
  }
};

}  // namespace

// --- virtual wire
// -----------------------------------------------------------------------------------------------------

TEST_CASE("without any APIC set-up the 8259A's interrupts reach the first CPU, and only that") {
  Fixture f(2);
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
  Fixture f;
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
  Fixture f;
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
  Fixture f;
  f.remap_pics();
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00100));
  CHECK_FALSE(f.chipset.owns_mmio(0, GuestPhysical(kApic)));
  f.chipset.set_irq(1, true);
  CHECK(f.take() == 0x21);
}

TEST_CASE("virtual wire through pin 0 of the I/O APIC") {
  Fixture f;
  f.enable_apic();
  f.remap_pics();
  f.chipset.set_irq(1, true);
  CHECK_FALSE(f.pending());
  f.attention.clear();
  f.route(0, 0x700);
  CHECK_FALSE(f.attention.empty());
  CHECK(f.take() == 0x21);
}

// --- I/O APIC
// ----------------------------------------------------------------------------------------------------------

TEST_CASE("the I/O APIC's identity") {
  Fixture f;
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
  Fixture f;
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
  Fixture f;
  f.enable_apic();
  f.route(4, 0x34 | kMasked);
  f.chipset.set_irq(4, true);
  f.route(4, 0x34);
  CHECK_FALSE(f.pending());
}

TEST_CASE("a level interrupts, holds remote IRR until EOI, and again while it stays") {
  Fixture f;
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
  Fixture f;
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
  Fixture f;
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
  Fixture f;
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

// --- local APIC
// ----------------------------------------------------------------------------------------------------------

TEST_CASE("the local APIC's identity and reset state") {
  Fixture f(3);
  CHECK(f.apic(kId) == 0);
  CHECK(f.apic(kId, 2) == 0x02000000);
  CHECK(f.apic(kVersion) == 0x50014);
  CHECK(f.apic(kDfr) == 0xffffffff);
  CHECK(f.apic(kLvtLint0) == 0x700);
  CHECK(f.apic(kLvtLint1) == 0x400);
  CHECK(f.apic(kLvtTimer) == kMasked);
  CHECK(f.apic(kSvr, 1) == 0xff);
  CHECK(f.apic(kLvtLint0, 1) == kMasked);
  CHECK(f.msr(kMsrBase) == 0xfee00900);
  CHECK(f.msr(kMsrBase, 1) == 0xfee00800);
}

TEST_CASE("self IPIs are served by priority class, and EOI ends the highest") {
  Fixture f;
  f.enable_apic();
  for (const uint32_t vector : {0x31u, 0x55u, 0x52u}) f.set_apic(kIcr, 0x40000 | vector);
  CHECK(f.take() == 0x55);
  CHECK(f.apic(kPpr) == 0x50);
  CHECK_FALSE(f.pending());  // 0x52 is of the same class
  f.set_apic(kIcr, 0x40000 | 0x61);
  CHECK(f.take() == 0x61);
  f.set_apic(kEoi, 0);
  CHECK(f.apic(kPpr) == 0x50);
  f.attention.clear();
  f.set_apic(kEoi, 0);
  CHECK(f.attention == std::vector<unsigned>{0});
  CHECK(f.take() == 0x52);
  f.set_apic(kEoi, 0);
  CHECK(f.take() == 0x31);
}

TEST_CASE("task priority, through TPR and through CR8, holds interrupts back") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kTpr, 0x50);
  CHECK(f.chipset.task_priority(0) == 5);
  f.set_apic(kIcr, 0x40000 | 0x5f);
  CHECK_FALSE(f.pending());
  CHECK(f.apic(kIrr + 0x20) == 1u << 31);
  f.attention.clear();
  f.chipset.set_task_priority(0, 4);
  CHECK(f.apic(kTpr) == 0x40);
  CHECK(f.attention == std::vector<unsigned>{0});
  CHECK(f.take() == 0x5f);
  f.chipset.set_task_priority(0, 15);
  CHECK(f.apic(kPpr) == 0xf0);
}

TEST_CASE("one-shot timer: counts the divided clock, interrupts once") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kDivide, 0x3);  // by 16
  f.set_apic(kLvtTimer, 0xec);
  f.set_apic(kInitial, 1000);
  f.clock.advance(8000);
  CHECK(f.apic(kCurrent) == 500);
  f.clock.advance(7999);
  CHECK_FALSE(f.pending());
  f.clock.advance(1);
  CHECK(f.apic(kCurrent) == 0);
  CHECK(f.take() == 0xec);
  f.set_apic(kEoi, 0);
  f.clock.advance(1'000'000);
  CHECK_FALSE(f.pending());
  CHECK(f.apic(kInitial) == 1000);
}

TEST_CASE("every divide value") {
  const std::vector<std::pair<uint32_t, uint64_t>> table{{0x0, 2},  {0x1, 4},  {0x2, 8},   {0x3, 16},
                                                         {0x8, 32}, {0x9, 64}, {0xa, 128}, {0xb, 1}};
  for (const auto& [configuration, divide] : table) {
    Fixture f;
    f.enable_apic();
    f.set_apic(kDivide, configuration);
    f.set_apic(kInitial, 10000);
    f.clock.advance(128 * 50);
    CHECK(f.apic(kDivide) == configuration);
    CHECK(f.apic(kCurrent) == 10000 - 128 * 50 / divide);
  }
}

TEST_CASE("periodic timer: every period, and at its proper time after a late look") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kDivide, 0xb);
  f.set_apic(kLvtTimer, kPeriodic | 0xec);
  f.set_apic(kInitial, 100'000);
  unsigned ticks = 0;
  for (int i = 0; i < 100; ++i) {
    f.clock.advance(50'000);
    if (f.take() == 0xec) {
      ++ticks;
      f.set_apic(kEoi, 0);
    }
  }
  CHECK(ticks == 50);
  f.clock.jump(250'000);
  f.clock.queue.run_due(f.clock.now());
  CHECK(f.take() == 0xec);
  f.set_apic(kEoi, 0);
  CHECK(f.apic(kCurrent) == 50'000);
  f.set_apic(kInitial, 0);
  f.clock.advance(1'000'000);
  CHECK_FALSE(f.pending());
}

TEST_CASE("a periodic timer of one tick cannot storm") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kDivide, 0xb);
  f.set_apic(kLvtTimer, kPeriodic | 0xec);
  f.set_apic(kInitial, 1);
  CHECK(f.clock.queue.next_deadline() == f.clock.now() + kShortestTimerPeriod);
  f.clock.advance(10 * kShortestTimerPeriod);
  CHECK(f.clock.queue.next_deadline() == f.clock.now() + kShortestTimerPeriod);
}

TEST_CASE("TSC deadline: interrupts once at the deadline and disarms itself") {
  Fixture f;
  f.enable_apic();
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, 5000));
  CHECK(f.msr(kMsrDeadline) == 0);  // ignored in the other modes
  f.set_apic(kLvtTimer, kTscDeadline | 0xec);
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, 5000));
  CHECK(f.msr(kMsrDeadline) == 5000);
  CHECK(f.clock.queue.next_deadline() == Cycles(5000));
  f.set_apic(kInitial, 100);  // ignored in this mode
  f.clock.advance_to(Cycles(4999));
  CHECK_FALSE(f.pending());
  f.clock.advance_to(Cycles(5000));
  CHECK(f.take() == 0xec);
  CHECK(f.msr(kMsrDeadline) == 0);
  f.set_apic(kEoi, 0);
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, 4000));  // the past
  CHECK(f.take() == 0xec);
  f.set_apic(kEoi, 0);
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, 9000));
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, 0));
  f.clock.advance(10000);
  CHECK_FALSE(f.pending());
  REQUIRE(f.chipset.write_msr(0, kMsrDeadline, ~uint64_t{0}));
  f.clock.advance(10000);
  CHECK_FALSE(f.pending());
  f.set_apic(kLvtTimer, 0xec);  // leaving the mode disarms
  CHECK(f.msr(kMsrDeadline) == 0);
}

TEST_CASE("a masked timer runs silently") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kDivide, 0xb);
  f.set_apic(kLvtTimer, kMasked | kPeriodic | 0xec);
  f.set_apic(kInitial, 10'000);
  f.clock.advance(25'000);
  CHECK_FALSE(f.pending());
  CHECK(f.apic(kCurrent) == 5'000);
  f.set_apic(kLvtTimer, kPeriodic | 0xec);
  f.clock.advance(5'000);
  CHECK(f.take() == 0xec);
}

TEST_CASE("software disable masks the local vectors and refuses new interrupts, but keeps the old") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kLvtTimer, 0xec);
  f.set_apic(kIcr, 0x40000 | 0x50);
  f.set_apic(kSvr, 0xff);
  CHECK(f.apic(kLvtTimer) == (kMasked | 0xec));
  f.set_apic(kLvtTimer, 0xec);
  CHECK(f.apic(kLvtTimer) == (kMasked | 0xec));
  f.set_apic(kIcr, 0x40000 | 0x60);
  CHECK(f.take() == 0x50);
  f.set_apic(kEoi, 0);
  CHECK_FALSE(f.pending());
}

TEST_CASE("errors: illegal vectors and registers are collected, latched by a write, and interrupt") {
  Fixture f;
  f.enable_apic();
  f.set_apic(kLvtError, 0xfe);
  f.set_apic(kIcr, 0x40000 | 0x05);
  CHECK(f.apic(kEsr) == 0);  // not latched yet
  CHECK(f.take() == 0xfe);
  f.set_apic(kEoi, 0);
  f.set_apic(kEsr, 0);
  CHECK(f.apic(kEsr) == 0x20);
  f.apic(0x00);
  f.set_apic(kEsr, 0);
  CHECK(f.apic(kEsr) == 0x80);
  f.set_apic(kLvtTimer, 0x03);
  f.set_apic(kInitial, 1);
  f.clock.advance(10'000);
  f.set_apic(kEsr, 0);
  CHECK(f.apic(kEsr) == 0x40);
  f.set_apic(kEsr, 0);
  CHECK(f.apic(kEsr) == 0);
}

TEST_CASE("the register page moves with IA32_APIC_BASE") {
  Fixture f;
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xd0000900));
  CHECK(f.chipset.owns_mmio(0, GuestPhysical(0xd0000020)));
  CHECK_FALSE(f.chipset.owns_mmio(0, GuestPhysical(kApic)));
  uint64_t value = 0;
  CHECK(f.chipset.mmio_read(0, GuestPhysical(0xd0000030), 4, value));
  CHECK(value == 0x50014);
  CHECK_FALSE(f.chipset.mmio_read(0, GuestPhysical(kApic + 0x30), 4, value));
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00901));  // reserved bit
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00900 | 1ull << kPhysicalAddressBits));
  CHECK(f.chipset.write_msr(0, kMsrBase, 0xfee00900 | 1ull << (kPhysicalAddressBits - 1)));
}

TEST_CASE("odd accesses to register pages are harmless") {
  Fixture f;
  uint64_t value = 0;
  CHECK(f.chipset.mmio_read(0, GuestPhysical(kApic + 0x32), 1, value));
  CHECK(value == 0x05);
  CHECK(f.chipset.mmio_read(0, GuestPhysical(kApic + 0x38), 8, value));
  CHECK(value == 0);
  CHECK(f.chipset.mmio_read(0, GuestPhysical(kApic + 0x30), 8, value));
  CHECK(value == 0x50014);
  CHECK(f.chipset.mmio_write(0, GuestPhysical(kApic + kTpr), 1, 0xff));
  CHECK(f.apic(kTpr) == 0);
  CHECK_FALSE(f.chipset.mmio_read(0, GuestPhysical(0xfed00000), 4, value));
}

// --- x2APIC
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE("x2APIC: same registers as MSRs, the page is gone") {
  Fixture f;
  uint64_t value = 0;
  CHECK_FALSE(f.chipset.read_msr(0, 0x802, value));
  REQUIRE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));
  CHECK_FALSE(f.chipset.owns_mmio(0, GuestPhysical(kApic)));
  CHECK(f.msr(0x802) == 0);
  CHECK(f.msr(0x803) == 0x50014);
  CHECK(f.msr(0x80d) == 1);
  REQUIRE(f.chipset.write_msr(0, 0x80f, 0x1ff));
  REQUIRE(f.chipset.write_msr(0, 0x83f, 0x66));  // self IPI
  CHECK(f.take() == 0x66);
  CHECK(f.msr(0x813) == 1ull << 6);
  REQUIRE(f.chipset.write_msr(0, 0x80b, 0));
  CHECK(f.msr(0x813) == 0);
  REQUIRE(f.chipset.write_msr(0, 0x830, 0x0000000000000077));  // physical, to itself
  CHECK(f.msr(0x830) == 0x77);
  CHECK(f.take() == 0x77);
}

TEST_CASE("x2APIC: what does not exist, is read-only or has reserved bits set is refused") {
  Fixture f;
  REQUIRE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));
  uint64_t value = 0;
  for (const uint32_t msr : {0x800u, 0x801u, 0x809u, 0x80bu, 0x80cu, 0x80eu, 0x82fu, 0x831u, 0x83fu})
    CHECK_FALSE(f.chipset.read_msr(0, msr, value));
  for (const uint32_t msr : {0x802u, 0x803u, 0x80au, 0x80du, 0x80eu, 0x810u, 0x820u, 0x831u, 0x839u})
    CHECK_FALSE(f.chipset.write_msr(0, msr, 0));
  const std::vector<std::pair<uint32_t, uint64_t>> bad{{0x808, 0x100},      {0x80b, 1},        {0x80f, 0x400},
                                                       {0x828, 1},          {0x830, 0x100000}, {0x832, 0x80000},
                                                       {0x838, 1ull << 32}, {0x83e, 0x4},      {0x83f, 0x100}};
  for (const auto& [msr, bits] : bad) CHECK_FALSE(f.chipset.write_msr(0, msr, bits));
  CHECK_FALSE(f.chipset.read_msr(0, 0x840, value));
  CHECK_FALSE(f.chipset.read_msr(0, 0x7ff, value));
}

TEST_CASE("mode changes of IA32_APIC_BASE follow the state diagram") {
  Fixture f;
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00500));  // x2APIC without enable
  REQUIRE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00900));  // back to xAPIC
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00100));
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));  // straight from disabled
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00900));
  CHECK(f.apic(kSvr) == 0xff);  // as after reset
}

// --- several CPUs
// -------------------------------------------------------------------------------------------------------------

TEST_CASE("physical, broadcast and shorthand IPIs") {
  Fixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) f.enable_apic(cpu);
  const auto who = [&] {
    std::string all;
    for (unsigned cpu = 0; cpu < 3; ++cpu) {
      if (f.take(cpu) == 0x60) all += static_cast<char>('0' + cpu);
      f.set_apic(kEoi, 0, cpu);
    }
    return all;
  };
  f.set_apic(kIcrHigh, 2u << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who() == "2");
  f.set_apic(kIcrHigh, 0xffu << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who() == "012");
  f.set_apic(kIcr, 0x80060, 1);
  CHECK(who() == "012");
  f.set_apic(kIcr, 0xc0060, 1);
  CHECK(who() == "02");
  f.set_apic(kIcr, 0x40060, 1);
  CHECK(who() == "1");
  f.set_apic(kIcrHigh, 9u << 24);
  f.set_apic(kIcr, 0x60);
  CHECK(who().empty());
}

TEST_CASE("logical destinations: flat, cluster and x2APIC") {
  Fixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.enable_apic(cpu);
    f.set_apic(kLdr, 1u << (24 + cpu), cpu);
  }
  f.route(4, 0x34 | kLogical, 0x06);
  f.chipset.set_irq(4, true);
  CHECK_FALSE(f.pending(0));
  CHECK(f.take(1) == 0x34);
  CHECK(f.take(2) == 0x34);

  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.set_apic(kEoi, 0, cpu);
    f.set_apic(kDfr, 0x0fffffff, cpu);
    f.set_apic(kLdr, (0x10u | 1u << cpu) << 24, cpu);
  }
  f.set_apic(kIcrHigh, 0x15u << 24);
  f.set_apic(kIcr, kLogical | 0x40);
  CHECK(f.take(0) == 0x40);
  CHECK_FALSE(f.pending(1));
  CHECK(f.take(2) == 0x40);
  f.set_apic(kIcrHigh, 0x2fu << 24);  // another cluster
  f.set_apic(kIcr, kLogical | 0x41);
  f.set_apic(kIcrHigh, 0xf2u << 24);  // member 1 of all clusters
  f.set_apic(kIcr, kLogical | 0x42);
  CHECK(f.take(1) == 0x42);

  Fixture x(20);
  for (unsigned cpu = 0; cpu < 20; ++cpu) {
    REQUIRE(x.chipset.write_msr(cpu, kMsrBase, cpu ? 0xfee00c00 : kX2apicBase));
    REQUIRE(x.chipset.write_msr(cpu, 0x80f, 0x1ff));
  }
  CHECK(x.msr(0x80d, 17) == 0x00010002);
  REQUIRE(x.chipset.write_msr(0, 0x830, 0x00010003'00000000 | kLogical | 0x50));
  CHECK(x.take(16) == 0x50);
  CHECK(x.take(17) == 0x50);
  CHECK_FALSE(x.pending(18));
  CHECK_FALSE(x.pending(1));
}

TEST_CASE("lowest priority goes to one CPU") {
  Fixture f(3);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    f.enable_apic(cpu);
    f.set_apic(kLdr, 1u << (24 + cpu), cpu);
  }
  f.chipset.set_task_priority(0, 3);
  f.chipset.set_task_priority(1, 1);
  f.chipset.set_task_priority(2, 1);
  f.route(4, 0x100 | 0x44 | kLogical, 0x07);
  f.chipset.set_irq(4, true);
  CHECK_FALSE(f.pending(0));
  CHECK(f.take(1) == 0x44);
  CHECK_FALSE(f.pending(2));
}

TEST_CASE("NMI, INIT and SIPI reach the other CPU") {
  Fixture f(2);
  std::vector<std::tuple<char, unsigned, unsigned>> events;
  f.chipset.on_init = [&](unsigned cpu) { events.emplace_back('I', cpu, 0); };
  f.chipset.on_startup = [&](unsigned cpu, uint8_t vector) { events.emplace_back('S', cpu, vector); };
  f.set_apic(kIcrHigh, 1u << 24);
  f.set_apic(kIcr, 0x0000c500);  // INIT assert, as Linux's wakeup_secondary_cpu_via_init
  f.set_apic(kIcr, 0x00008500);  // and de-assert, which does nothing
  f.set_apic(kIcr, 0x0000069f);
  CHECK(events == std::vector<std::tuple<char, unsigned, unsigned>>{{'I', 1, 0}, {'S', 1, 0x9f}});
  f.attention.clear();
  f.set_apic(kIcr, 0x00000400);
  CHECK(f.attention == std::vector<unsigned>{1});
  CHECK(f.chipset.nmi_pending(1));
  CHECK_FALSE(f.chipset.nmi_pending(0));
  f.chipset.acknowledge_nmi(1);
  CHECK_FALSE(f.chipset.nmi_pending(1));
}

// --- accesses
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("an observer sees every access to a controller and nothing else") {
  struct Recorder final : Observer {
    std::string log;
    void on_device_access(std::string_view device, bool mmio, bool write, uint64_t address, unsigned size,
                          uint64_t value) override {
      log += fmt::format("{} {} {} {:x}/{}={:x};", device, mmio ? "mmio" : "port", write ? "w" : "r", address, size,
                         value);
    }
  } recorder;
  Fixture f;
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
  Fixture f;
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
