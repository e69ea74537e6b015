#include "hwmodel/platform/acpi_pm.h"

#include "hwmodel/platform/frequencies.h"
#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

// PM1 status and enable [ACPI 6.4 table 4.12, 4.13]: 15 WAK | 10 RTC | 9 sleep button | 8 power button | 5 GBL | 4 BM |
// 0 timer carry.
constexpr uint16_t kTimerBit = 0x0001, kPowerButtonBit = 0x0100, kEnableBits = 0x0721;
// PM1 control [ACPI 6.4 table 4.14]: 13 SLP_EN (write only) | 12:10 SLP_TYP | 2 GBL_RLS (write only) | 1 BM_RLD | 0
// SCI_EN.
constexpr uint16_t kSleepEnable = 0x2000, kControlKept = 0x1c02, kSciEnable = 0x0001;
constexpr unsigned kSleepTypeShift = 10;

}  // namespace

AcpiPm::AcpiPm(Clock& clock, IrqLine sci, TimerWidth width, std::function<void()> power_off)
    : clock_(clock),
      sci_(std::move(sci)),
      power_off_(std::move(power_off)),
      timer_(clock.add_timer([this] { catch_up(); })),
      width_(width) {}

uint32_t AcpiPm::timer_value() const {
  const uint64_t ticks = ticks_at(clock_.now(), kPmTimerHz);
  return static_cast<uint32_t>(width_ == TimerWidth::k24Bit ? ticks & 0xffffff : ticks);
}

// TMR_STS is set whenever the timer's top bit changes [ACPI 6.4, 4.8.3.3].
void AcpiPm::catch_up() {
  const unsigned top_bit = width_ == TimerWidth::k24Bit ? 23 : 31;
  const uint64_t carries = ticks_at(clock_.now(), kPmTimerHz) >> top_bit;
  if (carries != seen_carries_) status_ |= kTimerBit;
  seen_carries_ = carries;
  update_sci();
  if (enable_ & kTimerBit)
    clock_.arm(timer_, time_of_tick((carries + 1) << top_bit, kPmTimerHz));
  else
    clock_.disarm(timer_);
}

void AcpiPm::update_sci() {
  const bool level = (status_ & enable_) != 0;
  if (level == sci_level_) return;
  sci_level_ = level;
  sci_(level);
}

void AcpiPm::press_power_button() {
  status_ |= kPowerButtonBit;
  update_sci();
}

uint64_t AcpiPm::read(uint64_t offset, unsigned size) {
  // The timer is latched for the whole access: its lanes must belong together.
  if (offset == kTimer && size == 4) return timer_value();
  return read_lanes(offset, size, [this](uint64_t lane) { return read_byte(lane); });
}

uint8_t AcpiPm::read_byte(uint64_t offset) {
  const unsigned shift = 8 * (offset & 1);
  switch (offset & ~uint64_t{1}) {
    case kStatus:
      catch_up();
      return static_cast<uint8_t>(status_ >> shift);
    case kEnable:
      return static_cast<uint8_t>(enable_ >> shift);
    case kControl:
      return static_cast<uint8_t>(control_ >> shift);
    case kTimer:
    case kTimer + 2:
      return static_cast<uint8_t>(timer_value() >> (8 * (offset - kTimer)));
    default:
      return 0xff;
  }
}

void AcpiPm::write(uint64_t offset, unsigned size, uint64_t value) {
  write_lanes(offset, size, value, [this](uint64_t lane, uint8_t byte) { write_byte(lane, byte); });
}

void AcpiPm::write_byte(uint64_t offset, uint8_t value) {
  const unsigned shift = 8 * (offset & 1);
  const auto bits = static_cast<uint16_t>(value << shift), lane = static_cast<uint16_t>(0xff << shift);
  switch (offset & ~uint64_t{1}) {
    case kStatus:  // write one to clear
      catch_up();
      status_ &= static_cast<uint16_t>(~bits);
      update_sci();
      return;
    case kEnable:
      enable_ = static_cast<uint16_t>(((enable_ & ~lane) | bits) & kEnableBits);
      catch_up();
      return;
    case kControl:
      return write_control(static_cast<uint16_t>((control_ & ~lane) | bits));
    default:
      return;
  }
}

// MODEL: S1 to S4 do not exist here; entering them does nothing.
void AcpiPm::write_control(uint16_t value) {
  control_ = static_cast<uint16_t>((value & kControlKept) | kSciEnable);
  if ((value & kSleepEnable) && ((value >> kSleepTypeShift) & 7) == kSleepTypeS5) power_off_();
}

}  // namespace ringside::hw
