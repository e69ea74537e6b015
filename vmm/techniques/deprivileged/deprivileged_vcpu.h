// A virtual CPU whose guest runs deprivileged: kernel and users at CPL 3 of a RingCpu, on shadow tables. Shared by the techniques trap and bt.
//
// The guest's processor is an interpreter (hw::Cpu) that holds the state the guest believes in: its privilege, control registers, descriptor
// tables, interrupt flag. Emulating an instruction is one step of it. So whatever traps (privileged, or a fault of the guest's own) is done by
// the rules of the manual, whichever processor runs the guest in between:
//
//   virtual CPU ── context ──> RingCpu runs the guest ── trap ──> #PF?  paging: fill, the guest's own fault, or a store to a table
//        ^                                                       else: the virtual CPU does the instruction, or takes the exception
//        └── controllers, timers, ports and device memory are the virtual machine's, as under native
//
// A guest that is not in 4-level or 5-level paging (real mode, early boot) is interpreted by the virtual CPU until it is.
#pragma once

#include <memory>
#include <optional>

#include "vmm/core/host_kind.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/paging/deprivileged_paging.h"
#include "vmm/techniques/deprivileged/host_pace.h"
#include "vmm/techniques/deprivileged/kernel_code.h"
#include "vmm/techniques/deprivileged/sensitive_watch.h"

namespace ringside::vmm {

class DeprivilegedVcpu final : public ModelVcpu {
 public:
  struct Parts {
    std::unique_ptr<MonitorMemory> pool;  // what `paging` allocates from
    std::unique_ptr<DeprivilegedPaging> paging;
    std::unique_ptr<RingCpu> ring;
    std::unique_ptr<KernelCode> kernel;
    std::unique_ptr<SensitiveWatch> watch;  // null: nothing is observed
    HostKind host = HostKind::kType2;
    const hw::Cpu* processor = nullptr;     // below the guest, where it is a modelled one
    std::unique_ptr<HostPace> pace;  // where the guest's time is the host's
  };
  DeprivilegedVcpu(hw::Machine& machine, unsigned index, Parts parts);
  ~DeprivilegedVcpu() override;

  Result<Exit> run(const RunBounds& bounds) override;
  std::optional<GuestState> guest_state() override;
  Result<void> set_registers(const Registers& registers) override;
  void interrupt() noexcept override;
  // Nobody counts those of a real processor.
  uint64_t instructions() const override { return parts_.pace ? 0 : ModelVcpu::instructions(); }
  std::vector<NamedCounter> technique_counters() const override;
  const hw::Cpu& processor() const override { return parts_.processor ? *parts_.processor : cpu(); }
  void observe(hw::Observer* observer) override;
  void watch_paging(PagingObserver* observer) override { parts_.paging->set_observer(observer); }
  void watch_guest(GuestObserver* observer) override { observer_ = observer; }
  std::vector<std::string> findings() const override;

 protected:
  hw::EmulatedDevices devices() const override { return hw::EmulatedDevices::kVirtual; }

 private:
  // What one step of the loop came to: an exit to tell, or nothing.
  using Turn = Result<std::optional<Exit>>;
  Turn step(const RunBounds& bounds);
  Turn tell(const hw::Stop& stop, const RunBounds& bounds);
  Turn tell_halt();
  Turn interpret(const RunBounds& bounds);
  Turn take_interrupt(const RunBounds& bounds);
  Turn wait_halted(const RunBounds& bounds);
  bool sleep_until_timer(const RunBounds& bounds);
  Turn enter_guest(const RunBounds& bounds);
  bool takes_interrupt(const hw::Cpu& c) const;

  RingContext context_of_guest() const;
  void take_context(const RingContext& before, const RingContext& after);
  RingControls controls_of_guest();
  RingBounds ring_bounds(const RunBounds& bounds);
  void charge_trap();
  Result<void> fpu_to_ring();
  Result<void> fpu_to_guest();

  Turn dispatch(const RingEvent& event, const RunBounds& bounds);
  Turn exception(const RingException& event, const RunBounds& bounds);
  Turn page_fault(const RingException& event, const RunBounds& bounds);
  Turn interrupted(const RunBounds& bounds);
  // What made the virtual processor do an instruction: a trap, whose instruction must be fetched and decoded first, or a call-out of translated
  // code, which was made for that instruction (its price is Primitive::kCallout).
  enum class Service : uint8_t { kTrap, kCallout };
  Turn trapped(const TrapExit& trap, const ExitInfo& info, const RunBounds& bounds, Service service = Service::kTrap);
  Turn callout(const RunBounds& bounds);
  Turn inject(const TrapExit& trap, const hw::PendingEvent& event);
  Turn do_instruction(const RunBounds& bounds);
  Result<void> prepare_emulation(const ExitInfo& info, Service service);
  hw::Stop emulate();

  Parts parts_;
  GuestObserver* observer_ = nullptr;
  Cycles entered_;           // when run() was called
  bool emulating_ = false;   // an instruction waits for a device's answer
  bool fpu_in_ring_ = false; // x87 and SSE registers are in the RingCpu, else in the virtual processor
  uint8_t last_cpl_ = 0;
  uint16_t shown_descriptors_ = 0;  // bytes of the guest's descriptor table the processor below has now
  uint64_t host_switches_ = 0, traps_ = 0, emulated_ = 0, injected_ = 0, switches_ = 0, interpreted_ = 0;
};

}  // namespace ringside::vmm
