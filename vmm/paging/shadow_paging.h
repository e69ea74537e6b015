// Shadow paging: the hardware walks tables the monitor makes from the guest's, one dimension and native's references.
// Page faults, CR3 loads and INVLPG exit; writes to guest tables fault, and are emulated (upper levels) or let through
// until the guest invalidates (level 1, unsync).
// MODEL: a guest that is not in 4-level or 5-level paging (real mode, early boot) runs on nested tables instead, identity;
// processors before unrestricted guest had the monitor emulate real mode and shadow the rest.
#pragma once

#include <memory>

#include "traces/base/result.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/guest_walk.h"
#include "vmm/paging/nested_tables.h"
#include "vmm/paging/shadow_tables.h"

namespace ringside::vmm {

class ShadowPaging : public GuestPaging {
 public:
  // `monitor` and its memory outlive the paging. Fails where the pool cannot hold the tables one instruction may need.
  static Result<std::unique_ptr<ShadowPaging>> create(MonitorMemory& monitor);
  static uint64_t minimum_pages(const MonitorMemory& monitor);

  std::string_view name() const override { return "shadow"; }
  void set_controls(hw::vmx::ControlBlock& block) const override;
  void install(hw::Cpu& cpu) override;
  void cr3_loaded(hw::Cpu& cpu, bool keep) override;
  void invalidated(hw::Cpu& cpu, Invalidation what, uint64_t linear) override;
  FaultAction page_fault(hw::Cpu& cpu, uint64_t linear, uint32_t error) override;
  FaultAction nested_fault(hw::Cpu& cpu, uint64_t guest_physical, uint64_t qualification) override;
  void after_write(hw::Cpu& cpu) override;
  void map_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) override;
  void unmap_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) override;
  std::vector<NamedCounter> counters() const override;
  void set_observer(PagingObserver* observer) override;

  // For tests and inspectors.
  ShadowTables& tables() { return tables_; }
  bool shadowing() const { return shadowing_; }

 protected:
  enum class Below : uint8_t { kNothing, kNestedTables };  // the shadow tables: one dimension, or two (agile)
  ShadowPaging(MonitorMemory& monitor, Below below);

  // Whether the guest's mode is one to shadow.
  virtual bool can_shadow(const hw::PagingControls& controls) const;
  virtual hw::TranslationRegime shadow_regime(const ShadowTables::Root& root) const;
  // The guest writes a protected table. True: it may do so directly from now on.
  virtual bool table_written(hw::Cpu& cpu, uint64_t page);

  // Modelled time for what the tables did since the last call, by their counters. Tables opened for the emulator and brought up to date
  // after it are how this monitor lets the CPU do the instruction: the time for that is Primitive::kPageTableWrite.
  enum class Work : uint8_t { kPriced, kPartOfEmulation };
  void charge_work(hw::Cpu& cpu, Work what);

  void use_root(hw::Cpu& cpu);
  NestedTables::Fill fill_nested(hw::Cpu& cpu, uint64_t guest_physical, NestedTables::Write write);

  GuestRam ram_;
  GuestWalker walker_;
  NestedTables nested_;
  ShadowTables tables_;
  FaultingAccess access_;  // of the last fault
  bool shadowing_ = false;
  uint64_t write_faults_ = 0, emulated_writes_ = 0, violations_ = 0;

 private:
  hw::TranslationRegime nested_regime() const;
  FaultAction resolve(hw::Cpu& cpu);
  void make_room(hw::Cpu& cpu);

  struct WorkDone {
    uint64_t fills = 0, syncs = 0, nested_fills = 0;
  };
  WorkDone charged_;
  uint64_t last_cr3_ = 0;
  uint64_t page_faults_ = 0, injected_ = 0, device_accesses_ = 0, invalidations_ = 0, root_loads_ = 0;
};

}  // namespace ringside::vmm
