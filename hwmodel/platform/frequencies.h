// The clocks of the modelled PC in one place: what CPUID announces, what the ACPI tables promise and what the timers
// count must agree, or a guest's calibration loops find the difference. Read by the CPU (CPUID 0x15/0x16), the timers
// and the tables.
#pragma once

#include <cstdint>

#include "traces/base/types.h"

namespace ringside::hw {

// Guest time itself: 1 cycle is 1 ns (Clock in device.h).
constexpr uint64_t kClockHz = 1'000'000'000;

// The time-stamp counter runs at the modelled clock, invariant.
constexpr uint64_t kTscHz = kClockHz;
// CPUID 0x15 [SDM 2A "CPUID - Leaf 15H"]: TSC = crystal x EBX / EAX, crystal in ECX. The ratio is 1/1 and the crystal
// is 1 GHz, because the local APIC's timer counts the crystal, and KVM's counts at 1 GHz too [Linux
// arch/x86/kvm/lapic.h APIC_BUS_CYCLE_NS]: a guest then calibrates to the same numbers on both machines.
constexpr uint64_t kCrystalHz = 1'000'000'000;
constexpr uint32_t kTscRatioNumerator = 1, kTscRatioDenominator = 1;
constexpr uint64_t kApicTimerHz = kCrystalHz;  // before the divide configuration register

constexpr uint64_t kPitHz = 1'193'182;      // 14.31818 MHz / 12
constexpr uint64_t kPmTimerHz = 3'579'545;  // 14.31818 MHz / 4 [ACPI 6.4, 4.8.3.3 "Power Management Timer"]
constexpr uint64_t kRtcHz = 32'768;

static_assert(kTscHz == kCrystalHz * kTscRatioNumerator / kTscRatioDenominator);
static_assert(kApicTimerHz == kClockHz, "local_apic.cpp counts timer ticks as cycles");

// MODEL: no timer interrupts more often than this, however small the period a guest programs. Hardware would let a
// periodic timer of a few ns starve the CPU; here it would make every instruction of the guest a timer event of the
// host.
constexpr uint64_t kShortestTimerPeriod = 1'000;  // cycles: 1 us, below every period the PIT can express

// Ticks of a `hertz` clock that began at time 0, and the first cycle at which tick `tick` has happened. Exact: no
// drift.
constexpr uint64_t ticks_at(Cycles time, uint64_t hertz) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(time.value) * hertz / kClockHz);
}
constexpr Cycles time_of_tick(uint64_t tick, uint64_t hertz) {
  const auto cycles = (static_cast<unsigned __int128>(tick) * kClockHz + hertz - 1) / hertz;
  return Cycles(cycles > ~uint64_t{0} ? ~uint64_t{0} : static_cast<uint64_t>(cycles));
}

}  // namespace ringside::hw
