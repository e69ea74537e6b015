#include "hwmodel/platform/rtc.h"

#include <algorithm>

#include "hwmodel/machine/memory.h"
#include "hwmodel/platform/calendar.h"
#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

// Time, alarm and control registers [MC146818A figure 10 "Address Map"]; what lies behind is memory.
enum Register : uint8_t {
  kSeconds,
  kSecondsAlarm,
  kMinutes,
  kMinutesAlarm,
  kHours,
  kHoursAlarm,
  kWeekday,
  kDay,
  kMonth,
  kYear,
  kA,
  kB,
  kC,
  kD,
  kCentury = 0x32
};

// A: 7 UIP | 6:4 divider (010: the 32768 Hz crystal runs, 11x: held in reset) | 3:0 rate of the periodic interrupt.
constexpr uint8_t kUpdateInProgress = 0x80, kDividerReset = 0x60, kRate = 0x0f;
// B: 7 SET | 6 PIE | 5 AIE | 4 UIE | 3 square wave | 2 binary (else BCD) | 1 24 hours (else 12) | 0 daylight saving.
constexpr uint8_t kSet = 0x80, kPeriodic = 0x40, kAlarm = 0x20, kUpdate = 0x10, kBinary = 0x04, k24Hours = 0x02;
constexpr uint8_t kInterrupts = kPeriodic | kAlarm | kUpdate;
// C: 7 IRQF | 6 PF | 5 AF | 4 UF, cleared by reading. D: 7 the memory's battery is good.
constexpr uint8_t kInterruptFlag = 0x80, kValidMemory = 0x80;
constexpr uint8_t kPm = 0x80;        // hours, in 12-hour mode
constexpr uint8_t kAlarmAny = 0xc0;  // an alarm register with both bits set matches anything

// UIP is set for the last 244 us before an update, time enough for a program to read all registers after seeing it
// clear. MODEL: the update itself (1984 us in hardware) takes no time.
constexpr uint64_t kUpdateWarning = 244'000;
constexpr int64_t kSecondsPerDay = 86400;
constexpr int64_t kLastSecondOf9999 = 253402300799;  // two registers of two digits hold no later year

bool is_time(uint8_t index) { return index <= kYear ? !(index & 1) || index >= kWeekday : index == kCentury; }

}  // namespace

Rtc::Rtc(Clock& clock, IrqLine irq, int64_t epoch_seconds, uint64_t memory_bytes)
    : clock_(clock),
      irq_(std::move(irq)),
      timer_(clock.add_timer([this] { catch_up(); })),
      base_seconds_(std::clamp<int64_t>(epoch_seconds, 0, kLastSecondOf9999)),
      base_time_(clock.now()),
      seen_(clock.now()) {
  cmos_[kA] = 0x26;  // divider running, 1024 Hz
  cmos_[kB] = k24Hours;
  cmos_[kD] = kValidMemory;
  store_memory_sizes(memory_bytes);
}

// Where a PC's BIOS leaves what it found [Ralf Brown's CMOS map; SeaBIOS and QEMU write the same].
void Rtc::store_memory_sizes(uint64_t memory_bytes) {
  const auto store = [this](uint8_t index, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) cmos_[index + i] = static_cast<uint8_t>(value >> (8 * i));
  };
  constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB;
  const uint64_t low = std::min(memory_bytes, PhysicalMemory::kHoleStart), high = memory_bytes - low;
  const uint64_t extended = std::min<uint64_t>((low - std::min(low, kMiB)) / kKiB, 0xffff);
  store(0x15, 640, 2);       // KiB below 640 KiB
  store(0x17, extended, 2);  // KiB above 1 MiB
  store(0x30, extended, 2);
  store(0x34, std::min<uint64_t>((low - std::min(low, 16 * kMiB)) / (64 * kKiB), 0xffff), 2);  // 64 KiB above 16 MiB
  store(0x5b, std::min<uint64_t>(high / (64 * kKiB), 0xffffff), 3);                            // 64 KiB above 4 GiB
  cmos_[0x14] = 0x06;  // equipment: x87, pointing device; no floppy, VGA
  unsigned sum = 0;
  for (unsigned i = 0x10; i <= 0x2d; ++i) sum += cmos_[i];
  cmos_[0x2e] = static_cast<uint8_t>(sum >> 8);
  cmos_[0x2f] = static_cast<uint8_t>(sum);
}

uint64_t Rtc::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [this](uint64_t lane) { return lane == 1 ? read_data() : 0xff; });
}

void Rtc::write(uint64_t offset, unsigned size, uint64_t value) {
  write_lanes(offset, size, value, [this](uint64_t lane, uint8_t byte) {
    if (lane == 0) index_ = byte & 0x7f;  // MODEL: bit 7 masks NMIs on a PC; not modelled
    if (lane == 1) write_data(byte);
  });
}

bool Rtc::updating() const { return !(cmos_[kB] & kSet) && (cmos_[kA] & kDividerReset) != kDividerReset; }

int64_t Rtc::seconds_at(Cycles time) const {
  return base_seconds_ + static_cast<int64_t>((time - base_time_) / kClockHz);
}

uint8_t Rtc::read_data() {
  catch_up();
  if (is_time(index_) && updating()) load_time_registers(seconds_at(clock_.now()));
  if (index_ == kA) {
    const bool soon = (clock_.now() - base_time_) % kClockHz >= kClockHz - kUpdateWarning;
    return static_cast<uint8_t>(cmos_[kA] | (updating() && soon ? kUpdateInProgress : 0));
  }
  if (index_ == kC) {
    const uint8_t flags = cmos_[kC];
    cmos_[kC] = 0;
    update_irq();
    return flags;
  }
  return cmos_[index_];
}

void Rtc::write_data(uint8_t value) {
  if (index_ == kC || index_ == kD) return;  // read-only
  catch_up();
  const Cycles now = clock_.now();
  const bool was_updating = updating();
  // The registers hold the time only while they are looked at: bring them up to date before they or their format
  // change.
  if (was_updating) load_time_registers(seconds_at(now));
  const uint64_t into_second = (now - base_time_) % kClockHz;
  cmos_[index_] = index_ == kA ? value & static_cast<uint8_t>(~kUpdateInProgress) : value;
  if (index_ == kB && (value & kSet))
    cmos_[kB] &= static_cast<uint8_t>(~kUpdate);  // [MC146818A "SET"]: setting it clears UIE
  if (is_time(index_) || was_updating != updating()) {
    base_seconds_ = seconds_in_registers();
    // A new time of day keeps the phase of the running second; a started divider begins one.
    base_time_ = was_updating && updating() ? Cycles(now.value - into_second) : now;
    seen_ = now;
  } else if (index_ == kB && was_updating) {
    load_time_registers(seconds_at(now));  // in the new format
  }
  update_irq();
  arm();
}

uint8_t Rtc::encode(unsigned value) const {
  return static_cast<uint8_t>(cmos_[kB] & kBinary ? value : (value / 10 << 4 | value % 10));
}

unsigned Rtc::decode(uint8_t value) const { return cmos_[kB] & kBinary ? value : (value >> 4) * 10u + (value & 0x0f); }

uint8_t Rtc::encode_hour(unsigned hour) const {
  if (cmos_[kB] & k24Hours) return encode(hour);
  return static_cast<uint8_t>(encode(hour % 12 ? hour % 12 : 12) | (hour >= 12 ? kPm : 0));
}

unsigned Rtc::decode_hour(uint8_t value) const {
  if (cmos_[kB] & k24Hours) return decode(value);
  return decode(value & static_cast<uint8_t>(~kPm)) % 12 + (value & kPm ? 12 : 0);
}

void Rtc::load_time_registers(int64_t seconds) {
  const CalendarTime time = calendar_time(seconds);
  cmos_[kSeconds] = encode(time.second);
  cmos_[kMinutes] = encode(time.minute);
  cmos_[kHours] = encode_hour(time.hour);
  cmos_[kWeekday] = encode(time.weekday);
  cmos_[kDay] = encode(time.day);
  cmos_[kMonth] = encode(time.month);
  cmos_[kYear] = encode(static_cast<unsigned>(time.year % 100));
  cmos_[kCentury] = encode(static_cast<unsigned>(time.year / 100 % 100));
}

// MODEL: the weekday follows from the date; one that a guest writes is not kept.
int64_t Rtc::seconds_in_registers() const {
  return seconds_of({.year = decode(cmos_[kCentury]) * 100 + decode(cmos_[kYear]),
                     .month = decode(cmos_[kMonth]),
                     .day = decode(cmos_[kDay]),
                     .hour = decode_hour(cmos_[kHours]),
                     .minute = decode(cmos_[kMinutes]),
                     .second = decode(cmos_[kSeconds])});
}

bool Rtc::alarm_matches(int64_t seconds) const {
  const CalendarTime time = calendar_time(seconds);
  const auto matches = [this](Register index, uint8_t value) {
    return cmos_[index] >= kAlarmAny || cmos_[index] == value;
  };
  return matches(kSecondsAlarm, encode(time.second)) && matches(kMinutesAlarm, encode(time.minute)) &&
         matches(kHoursAlarm, encode_hour(time.hour));
}

// Ticks between periodic interrupts [MC146818A table 5]: rates 1 and 2 are 256 and 128 Hz, from 3 on 32768 Hz >> (rate
// - 1).
uint64_t Rtc::period() const {
  const unsigned rate = cmos_[kA] & kRate;
  if (rate == 0 || (cmos_[kA] & kDividerReset) == kDividerReset) return 0;
  return uint64_t{1} << (rate < 3 ? rate + 6 : rate - 1);
}

void Rtc::catch_up() {
  const Cycles now = clock_.now();
  if (const uint64_t ticks = period()) {
    if (ticks_at(now, kRtcHz) / ticks != ticks_at(seen_, kRtcHz) / ticks) cmos_[kC] |= kPeriodic;
  }
  if (updating()) {
    const int64_t from = seconds_at(seen_), to = seconds_at(now);
    if (to != from) cmos_[kC] |= kUpdate;
    // Every second that began since the last look may have been the alarm's; a day has them all.
    for (int64_t s = std::max(from, to - kSecondsPerDay) + 1; s <= to && !(cmos_[kC] & kAlarm); ++s) {
      if (alarm_matches(s)) cmos_[kC] |= kAlarm;
    }
  }
  seen_ = now;
  update_irq();
  arm();
}

void Rtc::update_irq() {
  const bool level = (cmos_[kC] & cmos_[kB] & kInterrupts) != 0;
  cmos_[kC] = static_cast<uint8_t>((cmos_[kC] & ~kInterruptFlag) | (level ? kInterruptFlag : 0));
  if (level == irq_level_) return;
  irq_level_ = level;
  irq_(level);
}

// The timer runs only for enabled interrupts; flags alone are found when register C is read.
void Rtc::arm() {
  const Cycles now = clock_.now();
  uint64_t next = ~uint64_t{0};
  const uint64_t ticks = period();
  if ((cmos_[kB] & kPeriodic) && ticks) next = time_of_tick((ticks_at(now, kRtcHz) / ticks + 1) * ticks, kRtcHz).value;
  if ((cmos_[kB] & (kAlarm | kUpdate)) && updating()) {
    const uint64_t next_second = now.value - (now - base_time_) % kClockHz + kClockHz;
    next = std::min(next, next_second);
  }
  if (next == ~uint64_t{0})
    clock_.disarm(timer_);
  else
    clock_.arm(timer_, Cycles(next));
}

}  // namespace ringside::hw
