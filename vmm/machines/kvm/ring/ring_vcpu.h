// A virtual machine of one bare vCPU: no interrupt controllers, no firmware, the RAM of a PhysicalMemory at its own addresses and the edit space
// above it. Holds the registers between two runs and hands them over as cheaply as the host allows. Used by KvmRingCpu alone, which knows what
// any of it is for.
#pragma once

#include <linux/kvm.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hwmodel/machine/cpu.h"
#include "vmm/machines/kvm/entry_timer.h"
#include "vmm/machines/kvm/kvm_stats.h"
#include "vmm/machines/kvm/kvm_system.h"
#include "vmm/machines/kvm/ring/edit_space.h"
#include "vmm/machines/kvm/ring/ring_fpu.h"

namespace ringside::vmm {

class RingVcpu {
 public:
  using SteadyClock = std::chrono::steady_clock;

  // `model`: whose CPUID it announces.
  static Result<std::unique_ptr<RingVcpu>> create(hw::PhysicalMemory& memory, const EditSpace& edits, const hw::Cpu& model, const std::string& device);
  ~RingVcpu();

  // As the last run left them, or as they were set since.
  const kvm_regs& regs() const { return regs_; }
  const kvm_sregs& sregs() const { return sregs_; }
  void set_regs(const kvm_regs& regs);
  void set_sregs(const kvm_sregs& sregs);
  const kvm_run& exit() const { return *run_; }

  // One KVM_RUN, ended by `look` at the latest. False: it was the signal.
  Result<bool> run(SteadyClock::time_point look);
  // Whether an exception is on its way into the stub: the processor still stands at the instruction that caused it.
  bool event_pending() const;
  void kick() noexcept;
  // True once after each kick.
  bool take_kick() { return kicked_.exchange(false); }
  void keep_kick() { kicked_.store(true); }

  struct Msr {
    uint32_t index;
    uint64_t value;
  };
  Result<void> set_msrs(std::span<const Msr> list);
  Result<uint64_t> dr6();
  Result<void> set_debug(const kvm_debugregs& debug);
  Result<void> set_xcr0(uint64_t value);
  Result<FxsaveImage> fpu();
  Result<void> set_fpu(const FxsaveImage& image);
  // After the edit space's tables were built anew: whatever the host derived from the old ones goes.
  Result<void> forget_edit_space();
  void append_counters(std::vector<NamedCounter>& counters) const;

 private:
  RingVcpu(hw::PhysicalMemory& memory, const EditSpace& edits) : memory_(memory), edits_(edits) {}
  Result<void> create_vm(const KvmSystem& system);
  Result<void> create_vcpu(const KvmSystem& system, const hw::Cpu& model);
  Result<void> map(uint32_t slot, uint64_t address, uint64_t bytes, uint8_t* host);
  Result<void> hand_over();
  Result<void> take_back();

  hw::PhysicalMemory& memory_;
  const EditSpace& edits_;
  Fd vm_, fd_;
  kvm_run* run_ = nullptr;
  size_t run_bytes_ = 0;
  bool sync_regs_ = false, has_events_ = false;
  bool regs_changed_ = false, sregs_changed_ = false;
  kvm_regs regs_{};
  kvm_sregs sregs_{};
  std::optional<EntryTimer> timer_;
  std::optional<KvmStats> stats_;
  std::atomic<bool> kicked_{false};
};

}  // namespace ringside::vmm
