// The 8254: modes as kernels use them, latches, and the measurement through port 0x61.
#include "hwmodel/platform/pit.h"

#include <vector>

#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/manual_clock.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

struct Fixture {
  ManualClock clock;
  std::vector<uint64_t> rises;  // ticks
  bool level = false;
  Pit pit{clock.queue, [this](bool up) {
            if (up && !level) rises.push_back(ticks_at(clock.now(), kPitHz));
            level = up;
          }};

  void to_tick(uint64_t tick) { clock.advance_to(time_of_tick(tick, kPitHz)); }
  void program(unsigned channel, uint8_t control, uint16_t count) {
    pit.write(3, control);
    pit.write(channel, static_cast<uint8_t>(count));
    pit.write(channel, static_cast<uint8_t>(count >> 8));
  }
  unsigned read16(unsigned channel) {
    const unsigned low = pit.read(channel);
    return low | pit.read(channel) << 8;
  }
  unsigned latched(unsigned channel) {
    pit.write(3, static_cast<uint8_t>(channel << 6));
    return read16(channel);
  }
};

}  // namespace

TEST_CASE("mode 2 interrupts every count ticks without drift") {
  Fixture f;
  f.program(0, 0x34, 11932);  // 100 Hz, as a simple kernel
  f.rises.clear();            // the output went high with the control word
  f.to_tick(1 + 11932 * 500ull);
  REQUIRE(f.rises.size() == 500);
  for (size_t i = 0; i < f.rises.size(); ++i) CHECK(f.rises[i] == 1 + 11932 * (i + 1));
}

TEST_CASE("mode 2 counts down from the reload value and never shows 0") {
  Fixture f;
  f.program(0, 0x34, 1000);
  f.to_tick(1);
  CHECK(f.latched(0) == 1000);
  f.to_tick(2);
  CHECK(f.latched(0) == 999);
  f.to_tick(1000);
  CHECK(f.latched(0) == 1);
  f.to_tick(1001);
  CHECK(f.latched(0) == 1000);
}

TEST_CASE("a count written in mode 2 waits for the end of the period") {
  Fixture f;
  f.program(0, 0x34, 1000);
  f.rises.clear();
  f.to_tick(500);
  f.pit.write(0, 100);
  f.pit.write(0, 0);
  f.to_tick(1300);
  CHECK(f.rises == std::vector<uint64_t>{1001, 1101, 1201});
}

TEST_CASE("mode 0 interrupts once and counts on") {
  Fixture f;
  f.program(0, 0x30, 100);
  CHECK(f.rises.empty());
  f.to_tick(101);
  CHECK(f.rises == std::vector<uint64_t>{101});
  f.to_tick(111);
  CHECK(f.latched(0) == 65536 - 10);
  f.to_tick(200000);
  CHECK(f.rises.size() == 1);
  f.pit.write(0, 50);  // the first byte pulls the output down
  CHECK_FALSE(f.level);
  f.pit.write(0, 0);
  f.to_tick(200051);
  CHECK(f.rises == std::vector<uint64_t>{101, 200051});
}

TEST_CASE("mode 3 interrupts once a period; its count falls by two") {
  Fixture f;
  f.program(0, 0x36, 0);  // 18.2 Hz, as a BIOS
  f.rises.clear();
  f.to_tick(1 + 2);
  CHECK(f.latched(0) == 65536 - 4);
  f.to_tick(1 + 65536 * 3ull);
  CHECK(f.rises == std::vector<uint64_t>{1 + 65536, 1 + 2 * 65536, 1 + 3 * 65536});
}

TEST_CASE("mode 4 strobes once, as Linux's one-shot event device uses it") {
  Fixture f;
  f.program(0, 0x38, 4773);
  f.rises.clear();
  f.to_tick(20000);
  CHECK(f.rises == std::vector<uint64_t>{4775});  // load, count, and the end of the one-tick strobe
  f.pit.write(0, 100);                            // re-armed by a new count alone
  f.pit.write(0, 0);
  f.to_tick(40000);
  CHECK(f.rises == std::vector<uint64_t>{4775, 20102});
}

TEST_CASE("a late run loop gets one interrupt and the next at its proper time") {
  Fixture f;
  f.program(0, 0x34, 1000);
  f.rises.clear();
  f.clock.jump(time_of_tick(5500, kPitHz).value);
  f.clock.queue.run_due(f.clock.now());
  CHECK(f.rises.size() == 1);
  f.to_tick(6001);
  CHECK(f.rises.size() == 2);
  CHECK(f.rises.back() == 6001);
}

TEST_CASE("BCD, single-byte access and counts of one byte") {
  Fixture f;
  f.program(0, 0x35, 0x1000);  // mode 2, BCD: 1000 ticks
  f.rises.clear();
  f.to_tick(2);
  CHECK(f.latched(0) == 0x0999);
  f.to_tick(1001);
  CHECK(f.rises == std::vector<uint64_t>{1001});
  f.pit.write(3, 0x14);  // low byte only
  f.pit.write(0, 0x80);
  f.clock.advance(2000);
  CHECK(f.pit.read(0) < 0x80);
  f.pit.write(3, 0x24);  // high byte only
  f.pit.write(0, 0x10);
  f.clock.advance(2000);
  CHECK(f.pit.read(0) == 0x0f);
}

TEST_CASE("a latched count waits for its reader, a second latch is ignored") {
  Fixture f;
  f.program(0, 0x34, 50000);
  f.to_tick(101);
  f.pit.write(3, 0x00);
  f.to_tick(5001);
  f.pit.write(3, 0x00);
  CHECK(f.read16(0) == 49900);
  CHECK(f.latched(0) == 45000);
}

TEST_CASE("read-back latches status before count, for several counters") {
  Fixture f;
  f.program(0, 0x34, 1000);
  f.program(2, 0xb0, 1000);
  f.to_tick(11);
  f.pit.write(3, 0xc0 | 0x02 | 0x08);  // count and status of 0 and 2
  CHECK(f.pit.read(0) == (0x80 | 0x34));
  CHECK(f.read16(0) == 990);
  CHECK((f.pit.read(2) & 0xbf) == 0x30);  // output low, mode 0
  f.pit.write(3, 0x34);
  f.pit.write(3, 0xe2);                // status of 0
  CHECK((f.pit.read(0) & 0x40) != 0);  // null count: nothing written yet
}

TEST_CASE("counter 2 measures time through port 0x61, as Linux calibrates") {
  Fixture f;
  // [Linux arch/x86/kernel/tsc.c pit_calibrate_tsc]: gate on, speaker off, mode 0, wait for bit 5.
  f.pit.write_control_b(static_cast<uint8_t>((f.pit.read_control_b() & ~0x02) | 0x01));
  constexpr uint16_t kLatch = 11931;  // 10 ms
  f.program(2, 0xb0, kLatch);
  const Cycles start = f.clock.now();
  unsigned polls = 0;
  while (!(f.pit.read_control_b() & 0x20)) {
    f.clock.advance(1000);
    ++polls;
  }
  const uint64_t cycles = f.clock.now() - start;
  CHECK(polls > 1000);
  CHECK(cycles > 9'990'000);
  CHECK(cycles < 10'010'000);
}

TEST_CASE("the quick calibration sees the high byte fall every 256 ticks") {
  Fixture f;
  f.pit.write_control_b(0x01);
  f.program(2, 0xb0, 0xffff);
  f.clock.advance(2000);
  f.pit.read(2);  // low byte
  CHECK(f.pit.read(2) == 0xff);
  f.to_tick(300);
  f.pit.read(2);
  CHECK(f.pit.read(2) == 0xfe);
}

TEST_CASE("a closed gate stops counter 2 and an opened one goes on") {
  Fixture f;
  f.pit.write_control_b(0x01);
  f.program(2, 0xb0, 1000);
  f.to_tick(101);
  f.pit.write_control_b(0x00);
  f.to_tick(5000);
  CHECK(f.latched(2) == 900);
  f.pit.write_control_b(0x01);
  f.to_tick(5100);
  CHECK(f.latched(2) == 800);
}

TEST_CASE("modes 1 and 5 wait for the gate") {
  Fixture f;
  f.program(2, 0xb2, 100);  // one-shot
  f.to_tick(1000);
  CHECK((f.pit.read_control_b() & 0x20) != 0);
  f.pit.write_control_b(0x01);
  f.to_tick(1002);
  CHECK((f.pit.read_control_b() & 0x20) == 0);
  f.to_tick(1101);
  CHECK((f.pit.read_control_b() & 0x20) != 0);
  f.pit.write_control_b(0x00);
  f.pit.write_control_b(0x01);  // retriggered
  f.to_tick(1103);
  CHECK((f.pit.read_control_b() & 0x20) == 0);
}

TEST_CASE("the shortest period is two ticks, whatever is written") {
  Fixture f;
  f.program(0, 0x34, 1);
  f.rises.clear();
  f.to_tick(1001);
  CHECK(f.rises.size() == 500);
}

TEST_CASE("port 0x61: the refresh bit toggles, the others keep what was written") {
  Fixture f;
  f.pit.write_control_b(0xff);
  CHECK((f.pit.read_control_b() & 0x0f) == 0x0f);
  unsigned toggles = 0;
  bool last = f.pit.read_control_b() & 0x10;
  for (int i = 0; i < 1000; ++i) {
    f.clock.advance(1000);
    const bool now = f.pit.read_control_b() & 0x10;
    toggles += now != last;
    last = now;
  }
  CHECK(toggles == 66);  // 1 ms / 15.086 us
}

TEST_CASE("mode 3 with an odd count is high one tick longer than low") {
  Fixture f;
  f.pit.write_control_b(0x01);
  f.program(2, 0xb6, 7);
  unsigned high = 0;
  for (uint64_t tick = 1; tick <= 70; ++tick) {
    f.to_tick(tick);
    high += (f.pit.read_control_b() & 0x20) != 0;
  }
  CHECK(high == 40);
}
