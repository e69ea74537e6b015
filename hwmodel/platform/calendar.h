// Seconds since 1970 to a date and back, in the proleptic Gregorian calendar, UTC. Used by the real-time clock.
#pragma once

#include <cstdint>

namespace ringside::hw {

struct CalendarTime {
  int64_t year = 1970;
  unsigned month = 1, day = 1;  // from 1
  unsigned hour = 0, minute = 0, second = 0;
  unsigned weekday = 5;  // 1 is Sunday, as the MC146818 counts
};

CalendarTime calendar_time(int64_t seconds);
// Fields out of range carry over (February 31st is March 3rd or 2nd), so that whatever a guest wrote is some time.
int64_t seconds_of(const CalendarTime& time);

}  // namespace ringside::hw
