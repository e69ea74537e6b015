#include "hwmodel/platform/calendar.h"

#include <chrono>

namespace ringside::hw {
namespace {

constexpr int64_t kSecondsPerDay = 86400;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

}  // namespace

CalendarTime calendar_time(int64_t seconds) {
  using namespace std::chrono;
  const int64_t days_since_epoch = floor_divide(seconds, kSecondsPerDay);
  const auto of_day = static_cast<unsigned>(seconds - days_since_epoch * kSecondsPerDay);
  const sys_days date{days{days_since_epoch}};
  const year_month_day ymd{date};
  return {.year = static_cast<int>(ymd.year()),
          .month = static_cast<unsigned>(ymd.month()),
          .day = static_cast<unsigned>(ymd.day()),
          .hour = of_day / 3600,
          .minute = of_day / 60 % 60,
          .second = of_day % 60,
          .weekday = weekday{date}.c_encoding() + 1};
}

int64_t seconds_of(const CalendarTime& time) {
  using namespace std::chrono;
  const int64_t months = time.year * 12 + static_cast<int64_t>(time.month) - 1;
  const auto y = static_cast<int>(floor_divide(months, 12));
  const auto m = static_cast<unsigned>(months - int64_t{y} * 12 + 1);
  const sys_days first{year{y} / month{m} / day{1}};
  const int64_t day_count = first.time_since_epoch().count() + static_cast<int64_t>(time.day) - 1;
  return day_count * kSecondsPerDay + int64_t{time.hour} * 3600 + int64_t{time.minute} * 60 + time.second;
}

}  // namespace ringside::hw
