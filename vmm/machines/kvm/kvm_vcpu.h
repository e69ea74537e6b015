// One vCPU of the kvm machine: enters through KVM_RUN, bounded by a timer signal, and describes each exit.
// Made by KvmMachine. Used from one thread at a time; interrupt() may be called from anywhere.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "hwmodel/machine/memory.h"
#include "vmm/core/vcpu.h"
#include "vmm/machines/kvm/entry_timer.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/kvm_stats.h"
#include "vmm/machines/kvm/kvm_system.h"

namespace ringside::vmm {

class KvmVcpu final : public Vcpu {
 public:
  // `vm` is the VM's descriptor; memory and clock belong to the machine and outlive the vCPU.
  static Result<std::unique_ptr<KvmVcpu>> create(const KvmSystem& system, const Fd& vm, unsigned id, unsigned count,
                                                 hw::PhysicalMemory& memory, HostClock& clock);
  ~KvmVcpu() override;

  unsigned id() const override { return id_; }
  Result<Exit> run(const RunBounds& bounds) override;
  Result<Registers> registers() override;
  Result<void> set_registers(const Registers& registers) override;
  void answer(const PortExit&) override {}  // the data is already where KVM takes it from
  void answer(const MmioExit& exit) override;
  void answer(const HypercallExit& exit) override;
  void answer(const MsrExit& exit) override;
  Result<void> inject(const Injection& injection) override;
  Result<void> set_stepping(Stepping stepping) override;
  void interrupt() noexcept override;
  uint64_t instructions() const override { return 0; }
  bool peek_translate(GuestVirtual linear, GuestPhysical& physical) override;

  void append_counters(std::vector<NamedCounter>& counters) const;

 private:
  KvmVcpu(unsigned id, hw::PhysicalMemory& memory, HostClock& clock) : id_(id), memory_(memory), clock_(clock) {}
  Result<void> map_run_area(size_t bytes);
  Result<Exit> describe_exit(Cycles entered, Cycles left);
  void describe_place(const Registers& registers, Exit& exit);
  size_t peek_bytes(const Registers& registers, uint64_t linear, std::span<uint8_t> out);
  Result<Registers> registers_after_exit();
  // HLT inside the in-kernel interrupt controller that nothing can end.
  bool halted_forever(const Registers& registers) const;
  std::chrono::steady_clock::time_point next_look(const RunBounds& bounds) const;

  unsigned id_;
  hw::PhysicalMemory& memory_;
  HostClock& clock_;
  Fd fd_;
  kvm_run* run_ = nullptr;
  size_t run_bytes_ = 0;
  bool sync_regs_ = false, has_mp_state_ = false, has_guest_debug_ = false, has_events_ = false;
  std::optional<EntryTimer> timer_;
  std::optional<KvmStats> stats_;
  std::atomic<bool> kicked_{false};
  Cycles guest_time_;  // of entries that ended in our own looks, since the last exit handed out
};

}  // namespace ringside::vmm
