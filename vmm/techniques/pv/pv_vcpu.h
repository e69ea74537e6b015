// The virtual CPU of technique `pv`: the guest knows of the monitor, runs at CPL 3 of a RingCpu on its own page tables (vmm/paging/direct_paging)
// and asks for everything privileged by hypercalls. The monitor's part of the loop:
//
//   enter ──> SYSCALL, kernel view    a hypercall: carried out in slices (hypercall.h), its answer in rax
//        ──> SYSCALL, user view       a system call: the kernel's callback (kernel_entry.h)
//        ──> exception, INT n         the kernel's trap table
//        ──> time to look             timers, bounds; an event that is due enters the kernel's callback
// No instruction of the guest is ever emulated. Ports the guest asks for by hypercall leave as PortExit, like those of any guest.
#pragma once

#include <memory>
#include <optional>

#include "vmm/core/host_kind.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/paging/monitor_memory.h"
#include "vmm/paging/monitor_part.h"
#include "vmm/techniques/deprivileged/host_pace.h"
#include "vmm/techniques/pv/hypercall.h"
#include "vmm/techniques/pv/part_window.h"

namespace ringside::vmm::pv {

class PvVcpu final : public ModelVcpu, private DomainHost {
 public:
  struct Parts {
    std::unique_ptr<MonitorMemory> pool;
    std::unique_ptr<MonitorPart> part;
    std::unique_ptr<RingCpu> ring;
    std::unique_ptr<BlockStore> disk;
    std::unique_ptr<HostPace> pace;  // only where the processor below runs in the host's time
    HostKind host = HostKind::kType2;
  };
  PvVcpu(hw::Machine& machine, unsigned index, Parts parts);
  ~PvVcpu() override;

  // Where console output goes: the device that has the debug console's port.
  void plug_into(hw::Bus& bus) { bus_ = &bus; }

  Result<Exit> run(const RunBounds& bounds) override;
  // Starts the guest: the registers are those of the paravirtual loader (boot/pv_guest.h).
  Result<void> set_registers(const Registers& registers) override;
  void answer(const PortExit& exit) override;
  void answer(const MmioExit&) override {}
  void interrupt() noexcept override;
  std::vector<NamedCounter> technique_counters() const override;

 private:
  using Turn = Result<std::optional<Exit>>;
  Turn step(const RunBounds& bounds);
  Turn enter_guest(const RunBounds& bounds);
  Turn dispatch(const RingEvent& event, const RunBounds& bounds);
  Turn exception(const RingException& event);
  Turn system_call();
  Turn hypercall(const Step& step, const RunBounds& bounds);
  Turn wait(const RunBounds& bounds);
  bool sleep_until_timer(const RunBounds& bounds);
  void follow_host();
  Turn trapped(const TrapExit& trap, Entered entered);
  Turn lost();
  Turn shut_down(uint32_t reason);
  Turn ask_port(const pv_port_access& access);

  RingControls controls() const;
  RingBounds ring_bounds(const RunBounds& bounds);
  void show_context();
  Exit exit_of(ExitCause cause) const;

  uint64_t now() override;
  void console(std::span<const char> text) override;
  void timer_changed() override;
  void disk_moved(uint64_t sectors) override;
  void leave_to_devices();

  Parts parts_;
  FrameTable frames_;
  DirectPaging paging_;
  PartWindow window_;
  std::unique_ptr<Domain> domain_;
  std::optional<HypercallEngine> engine_;
  std::optional<HypercallRecord> done_;      // to be told by the next run()
  hw::Bus* bus_ = nullptr;
  hw::Clock::Timer timer_;
  Cycles entered_;
  bool waiting_ = false;                     // in sched_op(block)
  bool asking_ = false;                      // for a port
  bool fpu_given_ = false;
  std::array<uint8_t, 4> port_data_{};
  uint64_t hypercalls_ = 0, items_ = 0, traps_ = 0, events_ = 0, view_switches_ = 0, sectors_ = 0;
};

}  // namespace ringside::vmm::pv
