// The ACPI block: timer, power-off, power button, and status bits that are cleared by writing ones.
#include "hwmodel/platform/acpi_pm.h"

#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/manual_clock.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

struct Fixture {
  ManualClock clock;
  bool sci = false;
  unsigned power_offs = 0;
  AcpiPm pm;
  explicit Fixture(AcpiPm::TimerWidth width = AcpiPm::TimerWidth::k32Bit)
      : pm(
            clock.queue, [this](bool level) { sci = level; }, width, [this] { ++power_offs; }) {}
  uint64_t in16(uint64_t offset) { return pm.read(offset, 2); }
};

constexpr uint64_t kSecond = kClockHz;

}  // namespace

TEST_CASE("the timer counts 3.579545 MHz, in 24 or 32 bits") {
  Fixture wide, narrow(AcpiPm::TimerWidth::k24Bit);
  for (Fixture* f : {&wide, &narrow}) {
    CHECK(f->pm.read(AcpiPm::kTimer, 4) == 0);
    f->clock.advance(kSecond);
    CHECK(f->pm.read(AcpiPm::kTimer, 4) == kPmTimerHz);
    f->clock.advance(9 * kSecond);
  }
  CHECK(wide.pm.read(AcpiPm::kTimer, 4) == 10 * kPmTimerHz);
  CHECK(narrow.pm.read(AcpiPm::kTimer, 4) == 10 * kPmTimerHz % (1 << 24));
  CHECK(wide.pm.read(AcpiPm::kTimer, 1) == (10 * kPmTimerHz & 0xff));
}

TEST_CASE("the timer's carry sets its status and, enabled, interrupts") {
  Fixture f(AcpiPm::TimerWidth::k24Bit);
  f.clock.advance(2 * kSecond);
  CHECK((f.in16(AcpiPm::kStatus) & 1) == 0);
  f.clock.advance(kSecond);
  CHECK((f.in16(AcpiPm::kStatus) & 1) == 1);
  f.pm.write(AcpiPm::kStatus, 2, 1);
  CHECK((f.in16(AcpiPm::kStatus) & 1) == 0);
  f.pm.write(AcpiPm::kEnable, 2, 1);
  CHECK_FALSE(f.sci);
  f.clock.advance(2 * kSecond);
  CHECK(f.sci);
  f.pm.write(AcpiPm::kStatus, 2, 1);
  CHECK_FALSE(f.sci);
}

TEST_CASE("S5 powers off, other sleep states and the type alone do not") {
  Fixture f;
  CHECK(f.in16(AcpiPm::kControl) == 1);  // ACPI mode
  f.pm.write(AcpiPm::kControl, 2, AcpiPm::kSleepTypeS5 << 10);
  f.pm.write(AcpiPm::kControl, 2, 1 << 13 | 1 << 10);
  CHECK(f.power_offs == 0);
  CHECK(f.in16(AcpiPm::kControl) == (1 | 1 << 10));  // SLP_EN reads as 0
  f.pm.write(AcpiPm::kControl, 2, 1 << 13 | AcpiPm::kSleepTypeS5 << 10);
  CHECK(f.power_offs == 1);
}

TEST_CASE("the same by bytes") {
  Fixture f;
  f.pm.write(AcpiPm::kControl + 1, 1, (1 << 13 | AcpiPm::kSleepTypeS5 << 10) >> 8);
  CHECK(f.power_offs == 1);
}

TEST_CASE("the power button is a status bit that can interrupt") {
  Fixture f;
  f.pm.press_power_button();
  CHECK_FALSE(f.sci);
  f.pm.write(AcpiPm::kEnable, 2, 0x100);
  CHECK(f.sci);
  CHECK(f.in16(AcpiPm::kStatus) == 0x100);
  f.pm.write(AcpiPm::kStatus + 1, 1, 0x01);
  CHECK_FALSE(f.sci);
  CHECK(f.in16(AcpiPm::kEnable) == 0x100);
}

TEST_CASE("what is not there reads as ones") {
  Fixture f;
  CHECK(f.in16(6) == 0xffff);
  f.pm.write(6, 2, 0xffff);
  f.pm.write(AcpiPm::kTimer, 4, 123);
  CHECK(f.pm.read(AcpiPm::kTimer, 4) == 0);
}
