// Nested paging: the guest's own tables are walked by the hardware, and guest-physical addresses go through the
// monitor's EPT. The guest edits its tables, CR3 and TLB without an exit; only what EPT does not map yet exits.
#pragma once

#include <memory>

#include "traces/base/result.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/guest_walk.h"
#include "vmm/paging/nested_tables.h"

namespace ringside::vmm {

using NestedPagingOptions = NestedTablesOptions;

class NestedPaging final : public GuestPaging {
 public:
  // `monitor` and its memory outlive the paging. Fails where the pool cannot hold the tables one instruction may need.
  static Result<std::unique_ptr<NestedPaging>> create(MonitorMemory& monitor, const NestedPagingOptions& options = {});
  static uint64_t minimum_pages(const MonitorMemory& monitor, const NestedPagingOptions& options = {});

  std::string_view name() const override { return "nested"; }
  void set_controls(hw::vmx::ControlBlock& block) const override;
  void install(hw::Cpu& cpu) override;
  void cr3_loaded(hw::Cpu& cpu, bool keep) override;
  void invalidated(hw::Cpu& cpu, Invalidation what, uint64_t linear) override;
  FaultAction page_fault(hw::Cpu& cpu, uint64_t linear, uint32_t error) override;
  FaultAction nested_fault(hw::Cpu& cpu, uint64_t guest_physical, uint64_t qualification) override;
  void after_write(hw::Cpu&) override {}
  void map_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) override;
  void unmap_device_page(hw::Cpu& cpu, uint64_t linear, uint64_t guest_physical) override;
  std::vector<NamedCounter> counters() const override;
  void set_observer(PagingObserver* observer) override;

  // Dirty logging: guest-physical pages the guest writes from now on; see NestedTables.
  void start_dirty_log(hw::Cpu& cpu);
  void stop_dirty_log() { tables_.stop_log(); }
  std::vector<uint64_t> collect_dirty_log(hw::Cpu& cpu);

 private:
  NestedPaging(MonitorMemory& monitor, const NestedPagingOptions& options);

  GuestRam ram_;
  NestedTables tables_;
  GuestWalker walker_;
  uint64_t violations_ = 0, dirty_faults_ = 0, reclaims_ = 0, device_accesses_ = 0;
};

// --- shared by the pagings that fall back on nested tables

// What is to be done about a violation at an address that is no guest RAM: a device access, or, where a table of the
// guest lies there, the fault that such a table means.
FaultAction outside_ram(hw::Cpu& cpu, GuestWalker& walker, uint64_t guest_physical, uint64_t qualification,
                        FaultDetails& details);
// The flush that was asked for, of the CPU's own TLBs.
void flush_tlb(hw::Cpu& cpu, GuestPaging::Invalidation what, uint64_t linear);
// The error of a pool that is too small for `paging`.
Error pool_too_small(std::string_view paging, uint64_t pages, uint64_t needed);

}  // namespace ringside::vmm
