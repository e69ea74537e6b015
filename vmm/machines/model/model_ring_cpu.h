// The processor of the bare modelled machine, as a monitor that owns ring 0 sees it: a second modelled CPU over the same RAM, walking the
// monitor's tables at CPL 3. "On `model` a trap reaches the monitor as a C++ return value": Cpu::ring0 is the monitor's.
// Made by techniques/deprivileged.
#pragma once

#include <atomic>

#include "hwmodel/machine/cpu.h"
#include "vmm/core/ring_cpu.h"

namespace ringside::vmm {

class ModelRingCpu final : public RingCpu {
 public:
  // `memory` has the monitor's part. `guest` is the virtual processor: time, CPUID's facts and random numbers are the machine's, and it has them.
  // All outlive this.
  ModelRingCpu(hw::PhysicalMemory& memory, hw::CodeCache& code, hw::Cpu& guest,
               hw::SensitiveTraps sensitive = hw::SensitiveTraps::kAsBuilt);

  Result<RingEvent> enter(RingContext& context, const RingControls& controls, const RingFlush& flush, const RingBounds& bounds) override;
  Result<void> fetch_fpu(hw::CpuState& to) override;
  Result<void> put_fpu(const hw::CpuState& from) override;
  uint64_t instructions() const override { return retired_; }
  void interrupt() noexcept override { kicked_ = true; }

  // For observers and inspectors.
  hw::Cpu& hardware() { return cpu_; }

 private:
  void load_controls(const RingControls& controls);
  void load_context(const RingContext& context);
  void store_context(RingContext& context) const;

  void borrow_from_guest();

  hw::Cpu& guest_;
  hw::Cpu cpu_;
  RingControls controls_;
  uint64_t retired_ = 0;
  std::atomic<bool> kicked_{false};
};

}  // namespace ringside::vmm
