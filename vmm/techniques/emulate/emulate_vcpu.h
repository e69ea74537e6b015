// The virtual CPUs of technique `emulate`: an interpreter that counts what it interprets, and the same paced by the host's clock.
#pragma once

#include <chrono>

#include "vmm/machines/model/model_machine.h"

namespace ringside::vmm {

class EmulateVcpu : public ModelVcpu {
 public:
  using ModelVcpu::ModelVcpu;
  std::vector<NamedCounter> technique_counters() const override;

 protected:
  hw::EmulatedDevices devices() const override { return hw::EmulatedDevices::kVirtual; }
};

// Time is the host's: before each stretch of instructions the machine's clock is set forward to it, and where the guest idles past it the
// host waits. Within a stretch (kStretch instructions, a fraction of a millisecond) the clock goes by instructions, so it never stands still.
class HostPacedVcpu final : public EmulateVcpu {
 public:
  HostPacedVcpu(hw::Machine& machine, unsigned index);
  Result<Exit> run(const RunBounds& bounds) override;

 private:
  static constexpr uint64_t kStretch = 20'000;
  uint64_t host_time() const;
  void catch_up();
  void wait_for_host(const RunBounds& bounds);

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace ringside::vmm
