// GuestPaging: how a monitor on the modelled machine translates a guest's memory when the hardware runs the guest (technique hw):
// `nested`, `shadow` or `agile`. Each is one file pair in this folder. It owns its tables, which lie in the monitor's share of RAM
// (monitor_memory.h), and answers the exits that concern memory. Called by techniques/hw only.
//
// Guest-physical addresses below the end of guest RAM equal machine-physical ones; above lies the monitor's memory, which no table of
// the guest may ever reach.
// MODEL: CR0, CR3 and CR4 always hold the guest's own values; that read-only shadow entries bind the supervisor even while the guest's
// CR0.WP is clear is a field of the translation regime.
// MODEL: CR3 always holds the guest's own value. Under shadow paging real hardware would have the shadow root there; here the root is a
// field of the translation regime, and the exits that CR3 accesses cause are taken all the same.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hwmodel/machine/cpu.h"
#include "hwmodel/mmu/walker.h"
#include "hwmodel/vmx/control_block.h"
#include "vmm/core/machine.h"
#include "vmm/paging/paging_observer.h"

namespace ringside::vmm {

// What is to be done about a page fault or nested violation that made the guest exit.
enum class FaultAction : uint8_t {
  kResume,       // tables were filled or unprotected: the instruction runs again
  kInjectFault,  // the guest's own tables do not allow the access: its page-fault handler shall see it
  kEmulate,      // a write to a guest page table that stays protected: the monitor does the instruction itself, then after_write() is called
  kDevice,       // no RAM there: the instruction accesses a device
};

// What the last page_fault() or nested_fault() found. The error code of a fault to inject differs from the exit's: a shadow entry that
// is merely not filled yet says "not present" where the guest's own entry says "forbidden".
struct FaultDetails {
  uint64_t linear = 0;
  uint32_t error = 0;           // kInjectFault: error code for the guest
  uint64_t guest_physical = 0;  // kDevice: where the access goes
};

class GuestPaging {
 public:
  virtual ~GuestPaging() = default;
  const FaultDetails& details() const { return details_; }
  virtual std::string_view name() const = 0;

  // Sets the control-block fields this paging needs (EPT, VPID, exception bitmap, CR3 and INVLPG exiting, CR0/CR4 masks).
  virtual void set_controls(hw::vmx::ControlBlock& block) const = 0;
  // Makes the CPU translate through this paging's tables: before the first entry, and whenever the guest changed CR0, CR4 or EFER paging
  // bits. Flushes what must be flushed.
  virtual void install(hw::Cpu& cpu) = 0;

  // The guest loaded CR3 (already in cpu.cr3); `keep`: bit 63 was set with PCIDs on (no flush asked for).
  virtual void cr3_loaded(hw::Cpu& cpu, bool keep) = 0;
  // INVLPG, INVPCID, and flushes through CR0/CR4. `linear` only for kPage.
  enum class Invalidation : uint8_t { kPage, kContext, kAll };
  virtual void invalidated(hw::Cpu& cpu, Invalidation what, uint64_t linear) = 0;

  // #PF exit; `error` as the hardware saw it.
  virtual FaultAction page_fault(hw::Cpu& cpu, uint64_t linear, uint32_t error) = 0;
  // EPT violation or misconfiguration exit.
  virtual FaultAction nested_fault(hw::Cpu& cpu, uint64_t guest_physical, uint64_t qualification) = 0;
  // The emulated instruction of kEmulate is done. Until then the page written is open to it at the faulting address, so one step of
  // the CPU in the regime as it is does the instruction; if that faults on another protected page, that one is opened too.
  virtual void after_write(hw::Cpu& cpu) = 0;
  // Modelled time went by (timer exits, or any exit: it is cheap). Policies with intervals act on it.
  virtual void time_passed(hw::Cpu& /*cpu*/) {}

  // Lets the monitor's instruction emulator reach a device page: maps it for one instruction, then takes it away again.
  virtual void map_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) = 0;
  virtual void unmap_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) = 0;

  // Fills, syncs, zaps, protections, table pages ... by name, for the trace and `ringside stats`.
  virtual std::vector<NamedCounter> counters() const = 0;
  // From now on tells `observer`, which outlives this; null: nobody.
  virtual void set_observer(PagingObserver* observer) { report_.to(observer); }

 protected:
  PagingReport report_;
  FaultDetails details_;
};

}  // namespace ringside::vmm
