#include "vmm/paging/agile_paging.h"

#include "vmm/paging/nested_paging.h"

namespace ringside::vmm {

using namespace hw;

Result<std::unique_ptr<AgilePaging>> AgilePaging::create(MonitorMemory& monitor, const AgilePolicyOptions& options) {
  const uint64_t needed = minimum_pages(monitor), left = monitor.capacity_pages() - monitor.used_pages();
  if (left < needed) return pool_too_small("agile", left, needed);
  return std::unique_ptr<AgilePaging>(new AgilePaging(monitor, options));
}

AgilePaging::AgilePaging(MonitorMemory& monitor, const AgilePolicyOptions& options)
    : ShadowPaging(monitor, Below::kNestedTables), policy_(ram_, options) {}

void AgilePaging::set_controls(vmx::ControlBlock& block) const {
  ShadowPaging::set_controls(block);
  block.primary_controls &= ~vmx::primary::kInvlpg;
}

bool AgilePaging::can_shadow(const PagingControls& controls) const {
  return ShadowPaging::can_shadow(controls) && controls.write_protect;
}

TranslationRegime AgilePaging::shadow_regime(const ShadowTables::Root& root) const {
  TranslationRegime regime;
  regime.start = root.switched ? WalkStart::kSwitchedRoot : WalkStart::kShadowRoot;
  regime.shadow_root = root.table.value;
  regime.two_dimensional = true;
  regime.nested = nested_.controls();
  return regime;
}

void AgilePaging::install(Cpu& cpu) {
  const bool was = shadowing();
  ShadowPaging::install(cpu);
  if (was && !shadowing()) {
    for (const uint64_t page : policy_.all()) tables_.clear_nested(page);
    policy_.forget_all();
  }
}

bool AgilePaging::table_written(Cpu&, uint64_t page) {
  if (!policy_.written(page)) return false;
  ++to_nested_;
  report_.step(PagingOperation::kToNested, {.table = page});
  tables_.set_nested(page);
  policy_.became_nested(page);
  return true;
}

void AgilePaging::time_passed(Cpu& cpu) {
  if (!shadowing()) return;
  const std::vector<uint64_t> quiet = policy_.quiet(cpu.now().value);
  if (quiet.empty()) return;
  for (const uint64_t page : quiet) {
    tables_.clear_nested(page);
    report_.step(PagingOperation::kToShadow, {.table = page});
  }
  to_shadow_ += quiet.size();
  use_root(cpu);  // it may have been one of them
  tables_.flush(cpu);
  charge_work(cpu, Work::kPriced);
}

FaultAction AgilePaging::nested_fault(Cpu& cpu, uint64_t guest_physical, uint64_t qualification) {
  ++violations_;
  report_.step(PagingOperation::kViolation, {.address = guest_physical});
  if (!ram_.has_page(guest_physical)) return outside_ram(cpu, walker_, guest_physical, qualification, details_);
  const bool write = qualification & ept_violation::kWrite;
  if (shadowing() && write && tables_.is_protected(guest_physical)) {
    const FaultAction action = protected_write(cpu, guest_physical, qualification);
    tables_.flush(cpu);
    charge_work(cpu, action == FaultAction::kResume ? Work::kPriced : Work::kPartOfEmulation);
    return action;
  }
  tables_.close();  // as in page_fault()
  details_ = {cpu.mmu.last_walk().linear.value, 0, guest_physical};
  const bool forbid = shadowing() && tables_.is_protected(guest_physical);
  fill_nested(cpu, guest_physical, forbid ? NestedTables::Write::kForbidden : NestedTables::Write::kAllowed);
  if (qualification & ept_violation::kReadable) cpu.mmu.flush_nested();
  tables_.flush(cpu);
  charge_work(cpu, Work::kPriced);
  return FaultAction::kResume;
}

FaultAction AgilePaging::protected_write(Cpu& cpu, uint64_t guest_physical, uint64_t qualification) {
  const uint64_t linear = cpu.mmu.last_walk().linear.value, page = page_of(guest_physical);
  access_ = faulting_access(cpu, linear, 0);
  details_ = {linear, 0, guest_physical};
  if (!(qualification & ept_violation::kFinal)) {
    // The walk wants to set a flag in a table that is nested here and shadowed elsewhere: set it for the hardware.
    ++flag_updates_;
    report_.step(PagingOperation::kFlagUpdate, {.address = linear, .table = page});
    const GuestWalk& walk = walker_.walk(cpu, access_);
    if (walk.ok) walker_.set_flags();
    tables_.close();
    return FaultAction::kResume;
  }
  ++write_faults_;
  cpu.time.charge(Primitive::kPageTableWrite);
  report_.step(PagingOperation::kWriteFault, {.address = linear, .table = page});
  const bool direct = table_written(cpu, page);
  if (!tables_.has_root()) use_root(cpu);
  fill_nested(cpu, guest_physical, NestedTables::Write::kAllowed);
  cpu.mmu.flush_nested();
  if (direct) {
    tables_.close();
    return FaultAction::kResume;
  }
  tables_.open(page, linear);
  ++emulated_writes_;
  report_.step(PagingOperation::kEmulatedWrite, {.address = linear, .table = page});
  return FaultAction::kEmulate;
}

std::vector<NamedCounter> AgilePaging::counters() const {
  std::vector<NamedCounter> all = ShadowPaging::counters();
  const ShadowCounters& s = tables_.counters();
  all.push_back({"agile_to_nested", to_nested_});
  all.push_back({"agile_to_shadow", to_shadow_});
  all.push_back({"agile_nested_tables", policy_.nested_count()});
  all.push_back({"agile_switch_fills", s.switch_fills});
  all.push_back({"agile_flag_updates", flag_updates_});
  return all;
}

}  // namespace ringside::vmm
