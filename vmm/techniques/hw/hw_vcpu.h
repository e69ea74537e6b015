// Technique `hw` on the modelled machine: the guest runs in non-root mode under a control block; this monitor handles its exits, gives it
// virtual controllers (the machine's own chipset, which the guest cannot reach) and lets a GuestPaging translate its memory.
//
//   enter -> guest runs -> exit -> memory?      paging (vmm/paging): fill, sync, protect, or the guest's own fault
//                               -> instruction? emulate it (the modelled CPU runs that one instruction for the monitor)
//                               -> interrupt?   let the controllers decide; inject at the next entry, or wait for a window
// Ports and device memory that the controllers do not claim leave as PortExit and MmioExit to the run loop, as with any machine.
#pragma once

#include <memory>

#include "hwmodel/vmx/non_root.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/core/host_kind.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/monitor_memory.h"

namespace ringside::vmm {

class HwVcpu final : public ModelVcpu {
 public:
  // `pool` is what `paging` allocates its tables from.
  HwVcpu(hw::Machine& machine, unsigned index, std::unique_ptr<MonitorMemory> pool, std::unique_ptr<GuestPaging> paging, HostKind host);

  Result<Exit> run(const RunBounds& bounds) override;
  Result<Registers> registers() override;
  Result<void> set_registers(const Registers& registers) override;
  std::optional<GuestState> guest_state() override;
  std::vector<NamedCounter> technique_counters() const override;
  void watch_paging(PagingObserver* observer) override { paging_->set_observer(observer); }

 protected:
  hw::EmulatedDevices devices() const override { return hw::EmulatedDevices::kVirtual; }

 private:
  Result<Exit> enter_guest(const RunBounds& bounds);
  Result<Exit> refused(const hw::vmx::EntryFailure& failure);
  bool takes_interrupts() const;
  void prepare_injection();
  hw::Stop handle_exit();
  hw::Stop handle_exception();
  hw::Stop handle_nested_fault();
  hw::Stop handle_halt();
  hw::Stop handle_hypercall();
  void finish_instruction();
  hw::Stop act(FaultAction action);
  hw::Stop emulate();
  void charge_emulation();
  void set_injection(const hw::vmx::EventInfo& event);
  void requeue_interrupted_event();
  void inject_page_fault(uint64_t linear, uint32_t error);

  // The guest's view of CR0 and CR4, in the CPU while the monitor acts for it; the real values with the bits the monitor forces elsewhere.
  void show_guest_control_registers();
  void hide_guest_control_registers();
  struct PagingRegisters {
    uint64_t cr0, cr3, cr4, efer;
  };
  PagingRegisters paging_registers() const { return {cpu().cr0, cpu().cr3, cpu().cr4, cpu().efer}; }
  uint64_t cr3_source() const;
  void tell_paging(const PagingRegisters& before, bool keep_tlb);

  std::unique_ptr<MonitorMemory> pool_;
  std::unique_ptr<GuestPaging> paging_;
  std::unique_ptr<hw::vmx::ControlBlock> block_;
  HostKind host_;
  bool installed_ = false;
  bool entry_due_ = true;         // the guest exited since the last entry (a slice that ends is no exit)
  bool emulating_ = false;        // an emulated instruction waits for a device's answer
  bool device_mapped_ = false;    // ... with its page mapped for it
  bool protected_write_ = false;  // ... and it writes a guest page table
  bool waiting_ = false;          // the guest is in HLT
  uint64_t device_linear_ = 0, device_physical_ = 0;
  uint64_t exits_ = 0, entries_ = 0, emulated_ = 0, injected_ = 0, hypercalls_ = 0, host_switches_ = 0;
};

}  // namespace ringside::vmm
