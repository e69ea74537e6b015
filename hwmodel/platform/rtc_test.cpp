// The real-time clock as kernels read, set and wait for it, and the memory sizes.
#include "hwmodel/platform/rtc.h"

#include "hwmodel/platform/calendar.h"
#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/manual_clock.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

constexpr int64_t kEpoch = 1'609'459'190;  // 2020-12-31 23:59:50 UTC, a Thursday
constexpr uint64_t kSecond = kClockHz;

struct Fixture {
  ManualClock clock;
  bool irq = false;
  unsigned edges = 0;
  Rtc rtc;
  explicit Fixture(uint64_t memory = 64 << 20)
      : rtc(
            clock.queue,
            [this](bool level) {
              edges += level && !irq;
              irq = level;
            },
            kEpoch, memory) {}
  unsigned get(uint8_t index) {
    rtc.write(0, 1, index);
    return static_cast<unsigned>(rtc.read(1, 1));
  }
  void set(uint8_t index, uint8_t value) {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  }
};

}  // namespace

TEST_CASE("the calendar agrees with known dates both ways") {
  const CalendarTime time = calendar_time(kEpoch);
  CHECK(time.year == 2020);
  CHECK(time.month == 12);
  CHECK(time.day == 31);
  CHECK(time.hour == 23);
  CHECK(time.second == 50);
  CHECK(time.weekday == 5);
  for (const int64_t seconds : {int64_t{0}, kEpoch, int64_t{951'782'400}, int64_t{4'102'444'800}, int64_t{-1}}) {
    CHECK(seconds_of(calendar_time(seconds)) == seconds);
  }
  CHECK(seconds_of({.year = 2021, .month = 2, .day = 31}) == seconds_of({.year = 2021, .month = 3, .day = 3}));
}

TEST_CASE("time of day in BCD, and how it passes") {
  Fixture f;
  CHECK(f.get(0x00) == 0x50);
  CHECK(f.get(0x02) == 0x59);
  CHECK(f.get(0x04) == 0x23);
  CHECK(f.get(0x06) == 5);
  CHECK(f.get(0x07) == 0x31);
  CHECK(f.get(0x08) == 0x12);
  CHECK(f.get(0x09) == 0x20);
  CHECK(f.get(0x32) == 0x20);
  f.clock.advance(10 * kSecond);
  CHECK(f.get(0x00) == 0x00);
  CHECK(f.get(0x04) == 0x00);
  CHECK(f.get(0x07) == 0x01);
  CHECK(f.get(0x08) == 0x01);
  CHECK(f.get(0x09) == 0x21);
  CHECK(f.get(0x06) == 6);
  CHECK(f.get(0x0d) == 0x80);
}

TEST_CASE("binary and 12-hour forms") {
  Fixture f;
  f.set(0x0b, 0x06);
  CHECK(f.get(0x00) == 50);
  CHECK(f.get(0x04) == 23);
  f.set(0x0b, 0x04);
  CHECK(f.get(0x04) == (0x80 | 11));
  f.set(0x0b, 0x00);
  CHECK(f.get(0x04) == 0x91);
  f.clock.advance(10 * kSecond);
  CHECK(f.get(0x04) == 0x12);  // midnight
  f.clock.advance(13 * 3600 * kSecond);
  CHECK(f.get(0x04) == 0x81);
}

TEST_CASE("UIP announces an update 244 us ahead") {
  Fixture f;
  f.clock.advance(kSecond - 300'000);
  CHECK((f.get(0x0a) & 0x80) == 0);
  CHECK(f.get(0x00) == 0x50);
  f.clock.advance(100'000);
  CHECK((f.get(0x0a) & 0x80) != 0);
  f.clock.advance(200'000);
  CHECK((f.get(0x0a) & 0x80) == 0);
  CHECK(f.get(0x00) == 0x51);
}

TEST_CASE("setting the clock with SET held, as Linux does") {
  Fixture f;
  f.clock.advance(kSecond / 2);
  f.set(0x0b, 0x82);
  f.set(0x00, 0x58);
  f.set(0x02, 0x59);
  f.set(0x04, 0x23);
  f.set(0x07, 0x28);
  f.set(0x08, 0x02);
  f.set(0x09, 0x24);
  f.clock.advance(5 * kSecond);
  CHECK(f.get(0x00) == 0x58);  // frozen
  f.set(0x0b, 0x02);
  f.clock.advance(2 * kSecond);
  CHECK(f.get(0x00) == 0x00);
  CHECK(f.get(0x07) == 0x29);  // 2024 is a leap year
  CHECK(f.get(0x08) == 0x02);
}

TEST_CASE("a register written while the clock runs changes only that part, and the second keeps its phase") {
  Fixture f;
  f.clock.advance(kSecond / 4);
  f.set(0x02, 0x30);
  CHECK(f.get(0x02) == 0x30);
  CHECK(f.get(0x00) == 0x50);
  f.clock.advance(kSecond * 3 / 4 - 1);
  CHECK(f.get(0x00) == 0x50);
  f.clock.advance(1);
  CHECK(f.get(0x00) == 0x51);
}

TEST_CASE("nonsense in the time registers becomes some time") {
  Fixture f;
  for (const uint8_t index : {0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32}) f.set(index, 0xff);
  f.clock.advance(kSecond);
  CHECK(f.get(0x08) <= 0x12);
  CHECK(f.get(0x07) <= 0x31);
  CHECK(f.get(0x00) <= 0x59);
}

TEST_CASE("the update interrupt comes every second and stays until register C is read") {
  Fixture f;
  f.set(0x0b, 0x12);
  f.clock.advance(kSecond - 1);
  CHECK_FALSE(f.irq);
  f.clock.advance(1);
  CHECK(f.irq);
  f.clock.advance(kSecond);
  CHECK(f.edges == 1);
  CHECK((f.get(0x0c) & 0xf0) == 0xd0);  // IRQF, UF, and PF: the divider runs at 1024 Hz
  CHECK_FALSE(f.irq);
  f.clock.advance(kSecond);
  CHECK(f.edges == 2);
}

TEST_CASE("the periodic interrupt keeps its rate") {
  Fixture f;
  f.set(0x0a, 0x26);
  f.set(0x0b, 0x42);
  unsigned count = 0;
  for (int i = 0; i < 10'000; ++i) {
    f.clock.advance(kSecond / 10'000);
    if (f.irq) {
      ++count;
      CHECK((f.get(0x0c) & 0xc0) == 0xc0);
    }
  }
  CHECK(count == 1024);
  f.set(0x0a, 0x20);  // rate 0: off
  f.get(0x0c);
  f.clock.advance(kSecond);
  CHECK_FALSE(f.irq);
}

TEST_CASE("flags are found by polling without any interrupt enabled") {
  Fixture f;
  f.get(0x0c);
  CHECK(f.get(0x0c) == 0);
  f.clock.advance(kSecond);
  CHECK((f.get(0x0c) & 0x50) == 0x50);
  CHECK_FALSE(f.irq);
}

TEST_CASE("alarms, exact and with any hour") {
  Fixture f;
  f.set(0x01, 0x05);
  f.set(0x03, 0x00);
  f.set(0x05, 0x00);
  f.set(0x0b, 0x22);
  f.clock.advance(14 * kSecond);
  CHECK_FALSE(f.irq);
  f.clock.advance(kSecond);
  CHECK(f.irq);
  CHECK((f.get(0x0c) & 0xa0) == 0xa0);
  f.set(0x05, 0xc0);  // every hour
  f.clock.advance(3599 * kSecond);
  CHECK_FALSE(f.irq);
  f.clock.advance(kSecond);
  CHECK(f.irq);
}

TEST_CASE("an alarm in a day nobody looked at is still found") {
  Fixture f;
  f.set(0x01, 0x05);
  f.set(0x03, 0x30);
  f.set(0x05, 0x12);
  f.get(0x0c);
  f.clock.jump(3 * 86400 * kSecond);
  CHECK((f.get(0x0c) & 0x20) != 0);
}

TEST_CASE("memory sizes as a BIOS leaves them") {
  const auto word = [](Fixture& f, uint8_t index) { return f.get(index) | f.get(index + 1) << 8; };
  Fixture small(64 << 20);
  CHECK(word(small, 0x15) == 640);
  CHECK(word(small, 0x17) == 63 * 1024);
  CHECK(word(small, 0x30) == 63 * 1024);
  CHECK(word(small, 0x34) == 48 * 16);
  CHECK(word(small, 0x5b) == 0);
  Fixture large(uint64_t{8} << 30);
  CHECK(word(large, 0x17) == 0xffff);
  CHECK(word(large, 0x34) == (3072 - 16) * 16);
  CHECK((word(large, 0x5b) | large.get(0x5d) << 16) == 5 * 16384);
  Fixture tiny(1 << 20);
  CHECK(word(tiny, 0x17) == 0);
  CHECK(word(tiny, 0x34) == 0);
}

TEST_CASE("the rest is memory") {
  Fixture f;
  f.set(0x0f, 0x0a);
  CHECK(f.get(0x0f) == 0x0a);
  f.set(0x8f, 0x55);  // bit 7 is the NMI mask, not an address
  CHECK(f.get(0x0f) == 0x55);
  f.set(0x0c, 0xff);
  f.set(0x0d, 0x00);
  CHECK(f.get(0x0d) == 0x80);
}
