// Writes what the modelled machine shows of its inside (deliveries, page faults, TLB flushes, page-table roots, waits, accesses
// to its own controllers) into the trace, beside the exits that the run loop records. Plugged in as the machine's observer.
#pragma once

#include "hwmodel/machine/machine.h"
#include "hwmodel/machine/observer.h"
#include "traces/write/writer.h"

namespace ringside::vmm {

class InsideRecorder final : public hw::Observer {
 public:
  // Both must outlive it.
  InsideRecorder(const hw::Machine& machine, traces::Writer& writer) : machine_(machine), writer_(writer) {}

  void on_event_delivered(uint8_t vector, uint32_t error_code, bool external, uint64_t rip) override;
  void on_page_fault(uint64_t linear, uint32_t error_code, uint64_t rip) override;
  void on_page_table_root(uint64_t old_cr3, uint64_t new_cr3) override;
  void on_tlb_flush(hw::FlushCause cause, uint64_t linear) override;
  void on_resume(uint64_t idle_cycles) override;
  void on_device_access(std::string_view device, bool mmio, bool write, uint64_t address, unsigned size, uint64_t value) override;
  void on_unimplemented(std::string_view instruction, uint64_t rip) override;

 private:
  uint64_t now() const { return machine_.now().value; }
  const hw::Machine& machine_;
  traces::Writer& writer_;
};

}  // namespace ringside::vmm
