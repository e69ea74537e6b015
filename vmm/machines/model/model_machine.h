// The modelled PC (hwmodel/machine) as a Machine: deterministic, everything visible, time in modelled cycles.
// Created by sim's machine factory; driven by the run loop like any other machine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hwmodel/machine/machine.h"
#include "vmm/core/guest_state.h"
#include "vmm/core/guest_observer.h"
#include "vmm/core/machine.h"

namespace ringside::vmm {

class PagingObserver;  // vmm/paging/paging_observer.h

class ModelVcpu : public Vcpu {
 public:
  ModelVcpu(hw::Machine& machine, unsigned index) : machine_(machine), index_(index) {}

  unsigned id() const override { return index_; }
  Result<Exit> run(const RunBounds& bounds) override;
  Result<Registers> registers() override { return registers_of(cpu()); }
  Result<void> set_registers(const Registers& registers) override;
  void answer(const PortExit& exit) override;
  void answer(const MmioExit& exit) override { machine_.reply(index_, exit.value, devices()); }
  void answer(const HypercallExit&) override {}  // the modelled CPU has no hypercall exit outside VMX
  void answer(const MsrExit&) override {}        // unknown MSRs fault inside the machine
  Result<void> inject(const Injection& injection) override;
  Result<void> set_stepping(Stepping stepping) override;
  void interrupt() noexcept override;
  uint64_t instructions() const override { return cpu().counters.instructions; }
  bool peek_translate(GuestVirtual linear, GuestPhysical& physical) override;
  // The processor as the guest believes it to be, between two instructions. Nothing where that cannot be told here: an event is on its way
  // into the guest, which takes it before its next instruction.
  virtual std::optional<GuestState> guest_state() { return guest_state_of(cpu()); }
  // Counters of what runs the guest, beside the CPU's own; none where nothing sits between.
  virtual std::vector<NamedCounter> technique_counters() const { return {}; }
  // The processor whose MMU the guest's accesses go through: another than the virtual one where the guest is deprivileged.
  virtual const hw::Cpu& processor() const { return cpu(); }
  // Whoever watches the machine watches the processor beneath the guest too, where that is another.
  virtual void observe(hw::Observer* /*observer*/) {}
  // Sentences about what a person should know of the run.
  virtual std::vector<std::string> findings() const { return {}; }
  // Tells `observer` what the monitor does about the guest's memory; nothing where no monitor translates.
  virtual void watch_paging(PagingObserver* /*observer*/) {}
  // Tells `observer` what the monitor does for a deprivileged guest; nothing where the guest is not.
  virtual void watch_guest(GuestObserver* /*observer*/) {}

 protected:
  // What the guest's device accesses reach, for their price.
  virtual hw::EmulatedDevices devices() const { return hw::EmulatedDevices::kReal; }
  hw::Cpu& cpu() const { return machine_.cpu(index_); }
  ExitCause cause_of(const hw::Stop& stop, const RunBounds& bounds);
  ExitInfo info_of(const hw::Stop& stop, Cycles entered) const;

  hw::Machine& machine_;
  unsigned index_;

 private:
  Stepping stepping_ = Stepping::kOff;
  std::atomic<bool> kicked_{false};
  std::array<uint8_t, 4> port_data_{};
};

class ModelMachine final : public Machine {
 public:
  // Makes the virtual CPUs of a technique; without one the guest owns the machine (native).
  using VcpuFactory = std::function<std::unique_ptr<ModelVcpu>(hw::Machine&, unsigned index)>;
  static Result<std::unique_ptr<ModelMachine>> create(const hw::MachineConfig& config, const VcpuFactory& factory = {});

  std::string_view name() const override { return name_; }
  const Capabilities& capabilities() const override { return capabilities_; }
  hw::PhysicalMemory& memory() override { return machine_->memory(); }
  unsigned vcpu_count() const override { return static_cast<unsigned>(vcpus_.size()); }
  Vcpu& vcpu(unsigned index) override { return *vcpus_[index]; }
  hw::Bus& bus() override { return bus_; }
  hw::Clock& clock() override { return machine_->clock(); }
  hw::IrqLine irq_line(unsigned line) override { return machine_->chipset().line(line); }
  std::vector<NamedCounter> counters() override;

  // A technique runs the guest in non-root mode: exits carry the hardware's numbers.
  void announce_hardware_exits() { capabilities_.hardware_exits = true; }
  // The interpreter runs on the host's own CPU, by its clock, in place of the machine of that name.
  void announce_host_clock(std::string_view name, std::string note) {
    name_ = name;
    capabilities_.deterministic = false;
    capabilities_.time_unit = TimeUnit::kHostNanoseconds;
    capabilities_.notes.push_back(std::move(note));
  }
  void observe(hw::Observer* observer);
  std::vector<std::string> findings() const override;
  // Cycles by category ("cycles_page_walk" ...), all of them; from detailed mode.
  std::vector<NamedCounter> cycle_counters() const;
  void watch_guest(GuestObserver* observer) {
    for (const auto& vcpu : vcpus_) vcpu->watch_guest(observer);
  }
  void watch_paging(PagingObserver* observer) {
    for (const auto& vcpu : vcpus_) vcpu->watch_paging(observer);
  }
  // The guest's code runs on the host's processor, in its time; the virtual PC around it is this one.
  void announce_real_processor();
  // The machine below, for observers, snapshots and inspectors.
  hw::Machine& hardware() { return *machine_; }

 private:
  ModelMachine(std::unique_ptr<hw::Machine> machine, const VcpuFactory& factory);
  std::unique_ptr<hw::Machine> machine_;
  hw::Bus bus_;
  std::string_view name_ = "model";
  Capabilities capabilities_;
  std::vector<std::unique_ptr<ModelVcpu>> vcpus_;
};

}  // namespace ringside::vmm
