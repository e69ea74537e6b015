// TimerQueue: order, one shot per arming, and what the run loop is told.
#include "hwmodel/platform/timer_queue.h"

#include <string>

#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/manual_clock.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

TEST_CASE("timers fire in the order of deadline, then of arming") {
  ManualClock clock;
  std::string order;
  const auto a = clock.queue.add_timer([&] { order += 'a'; });
  const auto b = clock.queue.add_timer([&] { order += 'b'; });
  const auto c = clock.queue.add_timer([&] { order += 'c'; });
  CHECK(clock.queue.next_deadline() == TimerQueue::kNever);
  clock.queue.arm(c, Cycles(50));
  clock.queue.arm(b, Cycles(100));
  clock.queue.arm(a, Cycles(100));
  CHECK(clock.queue.next_deadline() == Cycles(50));
  clock.jump(49);
  clock.queue.run_due(clock.now());
  CHECK(order.empty());
  clock.jump(1000);
  clock.queue.run_due(clock.now());
  CHECK(order == "cba");
  clock.queue.run_due(clock.now());
  CHECK(order == "cba");  // each fires once
  CHECK(clock.queue.next_deadline() == TimerQueue::kNever);
}

TEST_CASE("arming again replaces the deadline, disarming forgets it") {
  ManualClock clock;
  unsigned fired = 0;
  const auto timer = clock.queue.add_timer([&] { ++fired; });
  clock.queue.arm(timer, Cycles(10));
  clock.queue.arm(timer, Cycles(30));
  CHECK(clock.queue.next_deadline() == Cycles(30));
  clock.advance_to(Cycles(29));
  CHECK(fired == 0);
  clock.queue.disarm(timer);
  clock.advance_to(Cycles(100));
  CHECK(fired == 0);
}

TEST_CASE("a callback that re-arms into the past does not keep run_due from returning") {
  ManualClock clock;
  unsigned fired = 0;
  TimerQueue::Timer timer = 0;
  timer = clock.queue.add_timer([&] {
    ++fired;
    clock.queue.arm(timer, Cycles(0));
  });
  clock.queue.arm(timer, Cycles(5));
  clock.jump(10);
  clock.queue.run_due(clock.now());
  CHECK(fired == 1);
  CHECK(clock.queue.next_deadline() == Cycles(0));  // due in the next call
  clock.queue.run_due(clock.now());
  CHECK(fired == 2);
}

TEST_CASE("a callback may add timers") {
  ManualClock clock;
  unsigned fired = 0;
  const auto timer = clock.queue.add_timer([&] {
    for (int i = 0; i < 100; ++i) clock.queue.add_timer([] {});
    clock.queue.arm(clock.queue.add_timer([&] { fired += 10; }), Cycles(20));
    ++fired;
  });
  clock.queue.arm(timer, Cycles(10));
  clock.advance_to(Cycles(20));
  CHECK(fired == 11);
}

TEST_CASE("the run loop hears of an earlier deadline and only of changes") {
  ManualClock clock;
  unsigned changes = 0;
  clock.queue.on_change = [&] { ++changes; };
  const auto a = clock.queue.add_timer([] {});
  const auto b = clock.queue.add_timer([] {});
  clock.queue.arm(a, Cycles(100));
  CHECK(changes == 1);
  clock.queue.arm(b, Cycles(200));
  CHECK(changes == 1);
  clock.queue.arm(b, Cycles(50));
  CHECK(changes == 2);
  clock.queue.disarm(b);
  CHECK(changes == 3);
  CHECK(clock.queue.next_deadline() == Cycles(100));
}

TEST_CASE("ticks of a clock and their times agree and do not drift") {
  for (const uint64_t hertz : {kPitHz, kPmTimerHz, kRtcHz}) {
    for (const uint64_t tick : {uint64_t{1}, uint64_t{2}, uint64_t{65535}, uint64_t{123456789}, hertz * 1000}) {
      const Cycles time = time_of_tick(tick, hertz);
      CHECK(ticks_at(time, hertz) == tick);
      CHECK(ticks_at(Cycles(time.value - 1), hertz) == tick - 1);
    }
    CHECK(ticks_at(Cycles(1'000'000'000), hertz) == hertz);
  }
}
