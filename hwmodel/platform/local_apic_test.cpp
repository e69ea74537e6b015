// The local APIC in xAPIC and x2APIC form: priorities, timer, errors, modes.
#include "hwmodel/platform/local_apic.h"

#include <utility>
#include <vector>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/chipset_fixture.h"
#include "hwmodel/platform/frequencies.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

TEST_CASE("the local APIC's identity and reset state") {
  ChipsetFixture f(3);
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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
    ChipsetFixture f;
    f.enable_apic();
    f.set_apic(kDivide, configuration);
    f.set_apic(kInitial, 10000);
    f.clock.advance(128 * 50);
    CHECK(f.apic(kDivide) == configuration);
    CHECK(f.apic(kCurrent) == 10000 - 128 * 50 / divide);
  }
}

TEST_CASE("periodic timer: every period, and at its proper time after a late look") {
  ChipsetFixture f;
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
  ChipsetFixture f;
  f.enable_apic();
  f.set_apic(kDivide, 0xb);
  f.set_apic(kLvtTimer, kPeriodic | 0xec);
  f.set_apic(kInitial, 1);
  CHECK(f.clock.queue.next_deadline() == f.clock.now() + kShortestTimerPeriod);
  f.clock.advance(10 * kShortestTimerPeriod);
  CHECK(f.clock.queue.next_deadline() == f.clock.now() + kShortestTimerPeriod);
}

TEST_CASE("TSC deadline: interrupts once at the deadline and disarms itself") {
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
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

TEST_CASE("x2APIC: same registers as MSRs, the page is gone") {
  ChipsetFixture f;
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
  ChipsetFixture f;
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
  ChipsetFixture f;
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00500));  // x2APIC without enable
  REQUIRE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, 0xfee00900));  // back to xAPIC
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00100));
  CHECK_FALSE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));  // straight from disabled
  REQUIRE(f.chipset.write_msr(0, kMsrBase, 0xfee00900));
  CHECK(f.apic(kSvr) == 0xff);  // as after reset
}

TEST_CASE("entering x2APIC mode clears the destination half of ICR") {
  ChipsetFixture f;
  f.set_apic(kIcrHigh, 0x05000000);
  REQUIRE(f.chipset.write_msr(0, kMsrBase, kX2apicBase));
  CHECK(f.msr(0x830) == 0);
}
