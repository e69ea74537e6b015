#include "hwmodel/cost/cpu_time.h"

namespace ringside::hw {

void CpuTime::set_mode(TimeMode mode, Cycles now) {
  assert(charging_ != Charging::kDevices);  // not from inside the emulator
  if (mode == mode_) return;
  if (mode == TimeMode::kDetailed) since_ = now;
  else detailed_ = detailed_time(now);
  mode_ = mode;
  charging_ = mode == TimeMode::kDetailed ? Charging::kAll : Charging::kNothing;
}

void CpuTime::begin_emulation(Cycles now, EmulatedDevices devices) {
  if (charging_ != Charging::kAll) return;
  charging_ = devices == EmulatedDevices::kReal ? Charging::kDevices : Charging::kEmulation;
  emulation_began_ = now;
  emulation_accounted_ = account_.sum();
}

// The emulated instruction was counted and took its one cycle: the monitor's.
void CpuTime::end_emulation(Cycles now) {
  if (charging_ != Charging::kDevices && charging_ != Charging::kEmulation) return;
  charging_ = Charging::kAll;
  account_.charge(CycleCategory::kMonitorEmulate, (now - emulation_began_) - (account_.sum() - emulation_accounted_));
}

}  // namespace ringside::hw
