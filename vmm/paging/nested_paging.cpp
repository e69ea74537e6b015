#include "vmm/paging/nested_paging.h"

#include "hwmodel/mmu/fault.h"
#include "traces/base/text.h"

namespace ringside::vmm {

using namespace hw;

Error pool_too_small(std::string_view paging, uint64_t pages, uint64_t needed) {
  return fail(ExitCode::kUsage,
              text::tr("vmm.paging.pool-too-small", paging, needed * kPageSize / 1024, pages * kPageSize / 1024));
}

uint64_t NestedPaging::minimum_pages(const MonitorMemory& monitor, const NestedPagingOptions& options) {
  return NestedTables::pages_needed(GuestRam(monitor).end(), options.levels);
}

Result<std::unique_ptr<NestedPaging>> NestedPaging::create(MonitorMemory& monitor, const NestedPagingOptions& options) {
  const uint64_t needed = minimum_pages(monitor, options), left = monitor.capacity_pages() - monitor.used_pages();
  if (left < needed) return pool_too_small("nested", left, needed);
  return std::unique_ptr<NestedPaging>(new NestedPaging(monitor, options));
}

NestedPaging::NestedPaging(MonitorMemory& monitor, const NestedPagingOptions& options)
    : ram_(monitor), tables_(monitor, ram_, options), walker_(ram_) {}

void NestedPaging::set_controls(vmx::ControlBlock& block) const {
  using namespace vmx;
  block.primary_controls |= primary::kSecondary;
  block.primary_controls &= ~(primary::kCr3Load | primary::kCr3Store | primary::kInvlpg);
  block.secondary_controls |= secondary::kEpt | secondary::kVpid | secondary::kUnrestrictedGuest | secondary::kInvpcid;
  block.exception_bitmap &= ~(1u << static_cast<unsigned>(Vector::kPF));
  block.eptp = tables_.ept_pointer();
  if (!block.vpid) block.vpid = 1;
}

void NestedPaging::install(Cpu& cpu) {
  TranslationRegime regime;
  regime.two_dimensional = true;
  regime.nested = tables_.controls();
  cpu.mmu.set_regime(regime);
  cpu.mmu.update_mode();
  cpu.mmu.flush_all();
}

void NestedPaging::cr3_loaded(Cpu& cpu, bool keep) {
  cpu.mmu.update_mode();
  if (!keep) cpu.mmu.flush_non_global();
}

void flush_tlb(Cpu& cpu, GuestPaging::Invalidation what, uint64_t linear) {
  switch (what) {
    case GuestPaging::Invalidation::kPage:
      return cpu.mmu.flush_page(linear);
    case GuestPaging::Invalidation::kContext:  // of which PCID is not said
    case GuestPaging::Invalidation::kAll:
      return cpu.mmu.flush_all();
  }
}

void NestedPaging::invalidated(Cpu& cpu, Invalidation what, uint64_t linear) { flush_tlb(cpu, what, linear); }

FaultAction NestedPaging::page_fault(Cpu&, uint64_t linear, uint32_t error) {
  details_ = {linear, error, 0};
  return FaultAction::kInjectFault;
}

FaultAction outside_ram(Cpu& cpu, GuestWalker& walker, uint64_t guest_physical, uint64_t qualification,
                        FaultDetails& details) {
  details = {cpu.mmu.last_walk().linear.value, 0, guest_physical};
  if (qualification & ept_violation::kFinal) return FaultAction::kDevice;
  // A guest table outside RAM: all ones, so reserved bits. MODEL: also for 32-bit paging, which has none in a page table.
  const GuestWalk& walk = walker.walk(cpu, faulting_access(cpu, details.linear, 0));
  details.error = walk.ok ? fault_code::kPresent | fault_code::kReserved : walk.error;
  return FaultAction::kInjectFault;
}

FaultAction NestedPaging::nested_fault(Cpu& cpu, uint64_t guest_physical, uint64_t qualification) {
  ++violations_;
  report_.step(PagingOperation::kViolation, {.address = guest_physical});
  if (!ram_.has_page(guest_physical)) {
    ++device_accesses_;
    report_.step(PagingOperation::kDevice, {.address = guest_physical});
    return outside_ram(cpu, walker_, guest_physical, qualification, details_);
  }
  details_ = {cpu.mmu.last_walk().linear.value, 0, guest_physical};
  using Write = NestedTables::Write;
  const bool write = qualification & ept_violation::kWrite;
  const bool watch = tables_.logging() && !tables_.controls().accessed_dirty;
  if (watch && write) {
    ++dirty_faults_;
    tables_.log_write(guest_physical);
  }
  const Write allowed = watch && !write ? Write::kForbidden : Write::kAllowed;
  cpu.time.charge(Primitive::kNestedFill);
  if (tables_.fill(guest_physical, allowed) == NestedTables::Fill::kNoMemory) {
    ++reclaims_;
    tables_.clear();
    cpu.mmu.flush_nested();
    const auto again = tables_.fill(guest_physical, allowed);
    assert(again == NestedTables::Fill::kFilled);
    (void)again;
  }
  // [SDM 3C 28.4.3.1]: a violation drops what the processor cached of the linear address; the nested TLB may still say
  // read-only of a table's page.
  if (qualification & ept_violation::kReadable) cpu.mmu.flush_nested();
  return FaultAction::kResume;
}

void NestedPaging::map_device_page(Cpu& cpu, uint64_t, uint64_t guest_physical) {
  if (tables_.map_device(guest_physical) != NestedTables::Fill::kNoMemory) return;
  ++reclaims_;
  tables_.clear();
  cpu.mmu.flush_nested();
  tables_.map_device(guest_physical);
}

void NestedPaging::unmap_device_page(Cpu& cpu, uint64_t linear, uint64_t guest_physical) {
  tables_.unmap_device(guest_physical);
  cpu.mmu.flush_page(linear);
}

void NestedPaging::start_dirty_log(Cpu& cpu) {
  tables_.start_log();
  cpu.mmu.flush_nested();
}

std::vector<uint64_t> NestedPaging::collect_dirty_log(Cpu& cpu) {
  std::vector<uint64_t> pages = tables_.collect_log();
  cpu.mmu.flush_nested();
  return pages;
}

void NestedPaging::set_observer(PagingObserver* observer) {
  GuestPaging::set_observer(observer);
  tables_.set_observer(observer);
}

std::vector<NamedCounter> NestedPaging::counters() const {
  const NestedTablesCounters& t = tables_.counters();
  return {{"ept_violations", violations_},      {"ept_fills", t.fills},
          {"ept_large_fills", t.large_fills},   {"ept_splits", t.splits},
          {"dirty_log_faults", dirty_faults_},  {"device_accesses", device_accesses_},
          {"reclaims", reclaims_},              {"table_pages", tables_.table_pages()}};
}

}  // namespace ringside::vmm
