// What the modelled machine tells whoever watches it. Every method defaults to nothing; a null observer costs one
// predictable branch on paths that are slow anyway. Observing never changes the machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringside::hw {

struct WalkResult;       // mmu/walker.h
struct InstructionInfo;  // isa/decoded.h

enum class FlushCause : uint8_t { kCr3Load, kInvlpg, kInvpcid, kCr0Write, kCr4Write, kEferWrite, kTaskSwitch, kReset };

class Observer {
 public:
  virtual ~Observer() = default;
  // An exception or interrupt enters its handler. `external`: raised by the interrupt controller or an NMI, not by the instruction.
  virtual void on_event_delivered(uint8_t /*vector*/, uint32_t /*error_code*/, bool /*external*/, uint64_t /*rip*/) {}
  virtual void on_page_fault(uint64_t /*linear*/, uint32_t /*error_code*/, uint64_t /*rip*/) {}
  virtual void on_page_table_root(uint64_t /*old_cr3*/, uint64_t /*new_cr3*/) {}
  virtual void on_tlb_flush(FlushCause, uint64_t /*linear, for one page*/) {}
  virtual void on_halt() {}
  virtual void on_resume(uint64_t /*idle_cycles*/) {}
  // Access to a controller that sits inside the machine (PIC, PIT, I/O APIC, local APIC): visible, but no stop.
  virtual void on_device_access(std::string_view /*device*/, bool /*mmio*/, bool /*write*/, uint64_t /*address*/, unsigned /*size*/, uint64_t /*value*/) {}
  virtual void on_unimplemented(std::string_view /*instruction text*/, uint64_t /*rip*/) {}
  // On a CPU set to SensitiveTraps::kObserve: a sensitive instruction is about to run at CPL > 0, and nobody but this observer notices.
  // Told again if the instruction faults and is restarted.
  virtual void on_sensitive(const InstructionInfo&, uint64_t /*rip*/, unsigned /*cpl*/) {}
  // Level `walks`.
  virtual bool wants_walks() const { return false; }
  virtual void on_walk(const WalkResult&) {}
};

}  // namespace ringside::hw
