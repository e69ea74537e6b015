// Shadow paging for a guest that runs deprivileged (techniques trap and bt), on any RingCpu: the tables the real CR3 points to, one set for what
// the guest's kernel may touch and one for its users, because both run at CPL 3. The rules of filling, protection and synchronisation are
// shadow_tables'; what is different from shadow_paging (technique hw) is that nothing here is the processor's own: faults come as RingEvents, the
// guest's privilege is the virtual processor's, and stores to protected tables are done by the virtual processor, which tells of them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "traces/base/result.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/guest_walk.h"
#include "vmm/paging/monitor_part.h"
#include "vmm/paging/shadow_tables.h"

namespace ringside::vmm {

// Whether the processor must be told of each entry changed (RingFlush::edits).
enum class TableEdits : uint8_t { kUnseen, kTold };

class DeprivilegedPaging final : public hw::StoreWatcher {
 public:
  // `guest` is the virtual processor; it, `monitor` and its memory outlive the paging.
  static Result<std::unique_ptr<DeprivilegedPaging>> create(MonitorMemory& monitor, hw::Cpu& guest, TranslatedCode code, TableEdits edits);
  ~DeprivilegedPaging() override;

  // Whether the guest can run deprivileged now: in 4-level or 5-level paging. Else it is interpreted.
  bool can_run() const;
  // The real CR3 for the guest as it is.
  uint64_t root();
  // Where the monitor's part begins.
  uint64_t monitor_base() const { return ring_layout::base_of_slot(slot_, levels_); }
  MonitorPart& part() { return *part_; }

  // #PF of the RingCpu. kInjectFault: with details().error. kEmulate and kDevice: the virtual processor does the instruction.
  FaultAction page_fault(uint64_t linear, uint32_t error);
  const FaultDetails& details() const { return details_; }
  // The virtual processor did something itself: stores to tables, loads of control registers, invalidations are followed.
  void after_emulation();
  // A store of the virtual processor is about to hit a protected page.
  void on_traced_store(GuestPhysical address) override;
  // More pages whose stores matter to somebody (translated code): `hook` hears the guest-physical address of each store, of 16 bytes at most and
  // within one page, before it happens.
  void trace_page(uint64_t page, bool on);
  void set_trace_hook(std::function<void(uint64_t address)> hook) { trace_hook_ = std::move(hook); }

  void set_table_writes(TableWrites writes) { tables_.set_table_writes(writes); }
  // Tells `observer` of every step from now on; null: nobody.
  void set_observer(PagingObserver* observer) {
    report_.to(observer);
    tables_.set_observer(observer);
  }

  RingFlush take_flush() { return tables_.take_flush(); }
  // Stores of the guest to protected or traced pages that the virtual processor was made to do.
  uint64_t emulated_writes() const { return emulated_writes_; }
  std::vector<NamedCounter> counters() const;
  bool consistent() { return tables_.consistent(); }

 private:
  DeprivilegedPaging(MonitorMemory& monitor, hw::Cpu& guest, std::unique_ptr<MonitorPart> part, TableEdits edits);
  GuestView view() const;
  bool in_monitor_part(uint64_t linear) const;
  void move_monitor_part();
  void set_flags_of_page(uint64_t page);
  FaultAction resolve();

  // What the virtual processor looked like when it was last followed.
  struct Seen {
    uint64_t cr0 = 0, cr3 = 0, cr4 = 0, efer = 0, flushes_all = 0, flushes_page = 0;
  };
  Seen look() const;

  hw::Cpu& guest_;
  GuestRam ram_;
  GuestWalker walker_;
  std::unique_ptr<MonitorPart> part_;
  ShadowTables tables_;
  PagingReport report_;
  FaultingAccess access_;
  FaultDetails details_;
  Seen seen_;
  bool shadowing_ = false;
  unsigned slot_ = ring_layout::kFirstSlot, levels_ = 4;
  std::vector<uint64_t> written_;          // protected pages the virtual processor stored to since the last after_emulation()
  std::function<void(uint64_t)> trace_hook_;
  uint64_t page_faults_ = 0, injected_ = 0, write_faults_ = 0, emulated_writes_ = 0, device_accesses_ = 0, moves_ = 0, root_loads_ = 0, invalidations_ = 0;
};

}  // namespace ringside::vmm
