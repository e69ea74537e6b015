// The kvm machine: the host's real CPU through /dev/kvm. RAM, vCPUs, the in-kernel interrupt controllers and PIT, and the bus
// for everything the kernel does not emulate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vmm/core/machine.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/kvm_stats.h"
#include "vmm/machines/kvm/kvm_system.h"
#include "vmm/machines/kvm/kvm_vcpu.h"

namespace ringside::vmm {

// Who emulates PIC, I/O APIC, local APIC and PIT. kNone: a CPU without any, where HLT always exits (small tests).
enum class InterruptControllers : uint8_t { kInKernel, kNone };

struct KvmOptions {
  uint64_t memory_bytes = 128ull << 20;
  unsigned vcpus = 1;
  InterruptControllers controllers = InterruptControllers::kInKernel;
  std::string device = "/dev/kvm";
};

class KvmMachine final : public Machine {
 public:
  static Result<std::unique_ptr<KvmMachine>> create(const KvmOptions& options);

  std::string_view name() const override { return "kvm"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  hw::PhysicalMemory& memory() override { return memory_; }
  unsigned vcpu_count() const override { return static_cast<unsigned>(vcpus_.size()); }
  Vcpu& vcpu(unsigned index) override { return *vcpus_.at(index); }
  hw::Bus& bus() override { return bus_; }
  hw::Clock& clock() override { return clock_; }
  hw::IrqLine irq_line(unsigned line) override;
  std::vector<NamedCounter> counters() override;

 private:
  KvmMachine(KvmSystem system, hw::PhysicalMemory memory) : system_(std::move(system)), memory_(std::move(memory)) {}
  Result<void> create_vm(const KvmOptions& options);
  Result<void> create_controllers();
  Result<void> map_memory();
  void describe_capabilities();

  KvmSystem system_;
  hw::PhysicalMemory memory_;
  hw::Bus bus_;
  HostClock clock_;
  Capabilities capabilities_;
  InterruptControllers controllers_ = InterruptControllers::kNone;
  Fd vm_;
  std::vector<std::unique_ptr<KvmVcpu>> vcpus_;  // after vm_ and memory_: destroyed first
  std::optional<KvmStats> stats_;
};

}  // namespace ringside::vmm
