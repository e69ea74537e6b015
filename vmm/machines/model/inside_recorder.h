// Writes what the modelled machine shows of its inside (deliveries, page faults, TLB flushes, page-table roots, waits, accesses
// to its own controllers, and at level `walks` every page walk) and what a monitor does about its guest's memory into the trace,
// beside the exits that the run loop records. Plugged in as the machine's observer and as that of its paging.
#pragma once

#include "hwmodel/machine/machine.h"
#include "hwmodel/machine/observer.h"
#include "traces/write/writer.h"
#include "vmm/core/guest_observer.h"
#include "vmm/paging/paging_observer.h"

namespace ringside::vmm {

class InsideRecorder final : public hw::Observer, public PagingObserver, public GuestObserver {
 public:
  // Both must outlive it.
  InsideRecorder(const hw::Machine& machine, traces::Writer& writer, traces::TraceLevel level)
      : machine_(machine), writer_(writer), walks_(level >= traces::TraceLevel::kWalks) {}

  void on_event_delivered(uint8_t vector, uint32_t error_code, bool external, uint64_t rip) override;
  void on_page_fault(uint64_t linear, uint32_t error_code, uint64_t rip) override;
  void on_page_table_root(uint64_t old_cr3, uint64_t new_cr3) override;
  void on_tlb_flush(hw::FlushCause cause, uint64_t linear) override;
  void on_resume(uint64_t idle_cycles) override;
  void on_device_access(std::string_view device, bool mmio, bool write, uint64_t address, unsigned size, uint64_t value) override;
  void on_unimplemented(std::string_view instruction, uint64_t rip) override;
  bool wants_walks() const override { return walks_; }
  void on_walk(const hw::WalkResult& walk) override;
  void on_paging(PagingOperation operation, const PagingPlace& place) override;
  void on_guest_mode(uint8_t cpl, uint64_t rip) override;
  void on_emulation(uint64_t rip, traces::ExitReason why) override;
  void on_monitor_flush(traces::FlushCause cause, uint64_t linear) override;

 private:
  uint64_t now() const { return machine_.now().value; }
  const hw::Machine& machine_;
  traces::Writer& writer_;
  bool walks_;
};

}  // namespace ringside::vmm
