#include "vmm/paging/shadow_paging.h"

#include "hwmodel/mmu/fault.h"
#include "vmm/paging/nested_paging.h"

namespace ringside::vmm {

using namespace hw;

uint64_t ShadowPaging::minimum_pages(const MonitorMemory& monitor) {
  return ShadowTables::kMinimumPages + NestedTables::pages_needed(GuestRam(monitor).end(), 4);
}

Result<std::unique_ptr<ShadowPaging>> ShadowPaging::create(MonitorMemory& monitor) {
  const uint64_t needed = minimum_pages(monitor), left = monitor.capacity_pages() - monitor.used_pages();
  if (left < needed) return pool_too_small("shadow", left, needed);
  return std::unique_ptr<ShadowPaging>(new ShadowPaging(monitor, Below::kNothing));
}

ShadowPaging::ShadowPaging(MonitorMemory& monitor, Below below)
    : ram_(monitor),
      walker_(ram_),
      nested_(monitor, ram_, {}),
      tables_(monitor, ram_, below == Below::kNestedTables ? &nested_ : nullptr) {}

void ShadowPaging::set_controls(vmx::ControlBlock& block) const {
  using namespace vmx;
  block.primary_controls |= primary::kSecondary | primary::kCr3Load | primary::kInvlpg;
  // EPT and unrestricted guest for the modes that are not shadowed; INVPCID exits as INVLPG does.
  block.secondary_controls |= secondary::kEpt | secondary::kVpid | secondary::kUnrestrictedGuest | secondary::kInvpcid;
  block.exception_bitmap |= 1u << static_cast<unsigned>(Vector::kPF);
  block.page_fault_error_mask = block.page_fault_error_match = 0;
  block.cr0_mask |= cr0::kPe | cr0::kPg | cr0::kWp;
  block.cr4_mask |= cr4::kPae | cr4::kPge | cr4::kPcide | cr4::kLa57;
  block.eptp = nested_.ept_pointer();
  if (!block.vpid) block.vpid = 1;
}

// --- what is walked

bool ShadowPaging::can_shadow(const PagingControls& controls) const {
  return controls.mode == PagingMode::kFourLevel || controls.mode == PagingMode::kFiveLevel;
}

TranslationRegime ShadowPaging::nested_regime() const {
  TranslationRegime regime;
  regime.two_dimensional = true;
  regime.nested = nested_.controls();
  return regime;
}

TranslationRegime ShadowPaging::shadow_regime(const ShadowTables::Root& root) const {
  TranslationRegime regime;
  regime.start = WalkStart::kShadowRoot;
  regime.shadow_root = root.table.value;
  regime.force_write_protect = true;
  return regime;
}

void ShadowPaging::charge_work(Cpu& cpu, Work what) {
  const ShadowCounters& s = tables_.counters();
  const WorkDone done{s.fills + s.large_fills + s.split_fills + s.switch_fills, s.syncs, nested_.counters().fills};
  if (what == Work::kPriced) {
    cpu.time.charge(Primitive::kShadowFill, done.fills - charged_.fills);
    cpu.time.charge(Primitive::kShadowSync, done.syncs - charged_.syncs);
    cpu.time.charge(Primitive::kNestedFill, done.nested_fills - charged_.nested_fills);
  }
  charged_ = done;
}

void ShadowPaging::use_root(Cpu& cpu) {
  cpu.mmu.set_regime(shadow_regime(tables_.load_root(cpu)));
  cpu.mmu.update_mode();
  last_cr3_ = cpu.cr3;
}

void ShadowPaging::install(Cpu& cpu) {
  tables_.close();
  const bool shadow = can_shadow(paging_controls(cpu));
  if (shadow) {
    if (!shadowing_) nested_.clear();
    shadowing_ = true;
    tables_.sync_all();
    use_root(cpu);
    cpu.time.charge(Primitive::kRootSwitch);
  } else {
    if (shadowing_) tables_.zap_all();  // the guest edits its tables unseen from now on
    shadowing_ = false;
    cpu.mmu.set_regime(nested_regime());
    cpu.mmu.update_mode();
  }
  tables_.flush(cpu);
  cpu.mmu.flush_nested();
  charge_work(cpu, Work::kPriced);
}

void ShadowPaging::cr3_loaded(Cpu& cpu, bool keep) {
  ++root_loads_;
  report_.step(PagingOperation::kRootLoad, {.address = cpu.cr3, .table = page_of(cpu.cr3)});
  if (shadowing_) {
    tables_.close();
    // Another PCID may have been flushed before the guest edited its tables: all that is unsync could be looked up afresh.
    if (!keep || cpu.cr3 != last_cr3_) tables_.sync_all();
    use_root(cpu);
    tables_.flush(cpu);
    cpu.time.charge(Primitive::kRootSwitch);
    charge_work(cpu, Work::kPriced);
  }
  cpu.mmu.update_mode();
  if (!keep) cpu.mmu.flush_non_global();
}

void ShadowPaging::invalidated(Cpu& cpu, Invalidation what, uint64_t linear) {
  ++invalidations_;
  report_.step(PagingOperation::kInvalidate, {.address = linear});
  if (shadowing_) {
    tables_.close();
    if (what == Invalidation::kPage) {
      tables_.sync_page(linear);
    } else {
      tables_.sync_all();
    }
    tables_.flush(cpu);
    charge_work(cpu, Work::kPriced);
  }
  flush_tlb(cpu, what, linear);
}

// --- faults

bool ShadowPaging::table_written(Cpu&, uint64_t page) { return tables_.unprotect(page); }

FaultAction ShadowPaging::page_fault(Cpu& cpu, uint64_t linear, uint32_t error) {
  ++page_faults_;
  access_ = faulting_access(cpu, linear, error);
  details_ = {linear, error, 0};
  const FaultAction action = resolve(cpu);
  // One step of emulation ended here without doing the write; the instruction may run outside the emulator next.
  if (action == FaultAction::kResume || action == FaultAction::kInjectFault) tables_.close();
  tables_.flush(cpu);
  charge_work(cpu, action == FaultAction::kResume ? Work::kPriced : Work::kPartOfEmulation);
  return action;
}

FaultAction ShadowPaging::resolve(Cpu& cpu) {
  const GuestWalk& walk = walker_.walk(cpu, access_);
  if (!walk.ok) {
    ++injected_;
    // The guest's own fault: all that was done is its walk in software.
    cpu.time.charge(CycleCategory::kMonitorShadowFill, uint64_t{walk.path.depth} * cpu.time.costs().of(Primitive::kWalkReference));
    report_.step(PagingOperation::kGuestFault, {.address = access_.linear});
    details_.error = walk.error;
    return FaultAction::kInjectFault;
  }
  if (!shadowing_) return FaultAction::kResume;  // the guest's tables changed meanwhile
  walker_.set_flags();
  details_.guest_physical = walk.guest_physical;
  if (!ram_.has_page(walk.guest_physical)) {
    ++device_accesses_;
    report_.step(PagingOperation::kDevice, {.address = walk.guest_physical});
    return FaultAction::kDevice;
  }
  const uint64_t page = page_of(walk.guest_physical);
  const bool write = access_.kind == AccessKind::kWrite;
  bool open = false;
  if (write && tables_.is_protected(page)) {
    ++write_faults_;
    cpu.time.charge(Primitive::kPageTableWrite);
    report_.step(PagingOperation::kWriteFault, {.address = access_.linear, .table = page});
    open = !table_written(cpu, page);
    if (!tables_.has_root()) use_root(cpu);
  }
  using Filled = ShadowTables::Filled;
  Filled filled = tables_.fill(walk, access_.linear, ShadowTables::Leaf::kAsGuest);
  if (filled == Filled::kSwitched) return FaultAction::kResume;
  // Filling may itself make the page a protected table: where it is on the way to its own address. And while CR0.WP is
  // clear the supervisor may write what the shadow entry must keep from users.
  if (!write || (filled == Filled::kWritable && !open)) return FaultAction::kResume;
  tables_.fill(walk, access_.linear, ShadowTables::Leaf::kOpen);
  tables_.open(page, access_.linear);
  ++emulated_writes_;
  report_.step(PagingOperation::kEmulatedWrite, {.address = access_.linear, .table = page});
  return FaultAction::kEmulate;
}

void ShadowPaging::after_write(Cpu& cpu) {
  tables_.close();
  tables_.flush(cpu);
  charge_work(cpu, Work::kPartOfEmulation);
}

// For nested tables: shadow tables go first, then all nested ones.
void ShadowPaging::make_room(Cpu& cpu) {
  if (tables_.reclaim()) return;
  nested_.clear();
  cpu.mmu.flush_nested();
}

NestedTables::Fill ShadowPaging::fill_nested(Cpu& cpu, uint64_t guest_physical, NestedTables::Write write) {
  for (;;) {
    const NestedTables::Fill filled = nested_.fill(guest_physical, write);
    if (filled != NestedTables::Fill::kNoMemory) return filled;
    make_room(cpu);
  }
}

FaultAction ShadowPaging::nested_fault(Cpu& cpu, uint64_t guest_physical, uint64_t qualification) {
  ++violations_;
  report_.step(PagingOperation::kViolation, {.address = guest_physical});
  if (!ram_.has_page(guest_physical)) return outside_ram(cpu, walker_, guest_physical, qualification, details_);
  details_ = {cpu.mmu.last_walk().linear.value, 0, guest_physical};
  fill_nested(cpu, guest_physical, NestedTables::Write::kAllowed);
  if (qualification & ept_violation::kReadable) cpu.mmu.flush_nested();
  tables_.flush(cpu);
  charge_work(cpu, Work::kPriced);
  return FaultAction::kResume;
}

// --- devices

void ShadowPaging::map_device_page(Cpu& cpu, uint64_t linear, uint64_t guest_physical) {
  if (shadowing_) {
    const GuestWalk& walk = walker_.walk(cpu, access_.linear == linear ? access_ : FaultingAccess{linear});
    const bool there = walk.ok && page_of(walk.guest_physical) == page_of(guest_physical) &&
                       !ram_.has_page(guest_physical);
    if (there && tables_.fill(walk, linear, ShadowTables::Leaf::kDevice) != ShadowTables::Filled::kSwitched) {
      tables_.flush(cpu);
      charge_work(cpu, Work::kPartOfEmulation);
      return;
    }
  }
  while (nested_.map_device(guest_physical) == NestedTables::Fill::kNoMemory) make_room(cpu);
  tables_.flush(cpu);
  charge_work(cpu, Work::kPartOfEmulation);
}

void ShadowPaging::unmap_device_page(Cpu& cpu, uint64_t linear, uint64_t guest_physical) {
  if (shadowing_) tables_.drop_marked(linear);
  nested_.unmap_device(guest_physical);
  tables_.flush(cpu);
  cpu.mmu.flush_page(linear);
}

void ShadowPaging::set_observer(PagingObserver* observer) {
  GuestPaging::set_observer(observer);
  tables_.set_observer(observer);
  nested_.set_observer(observer);
}

std::vector<NamedCounter> ShadowPaging::counters() const {
  const ShadowCounters& s = tables_.counters();
  return {{"shadow_page_faults", page_faults_},
          {"shadow_fills", s.fills + s.large_fills + s.split_fills},
          {"shadow_large_fills", s.large_fills},
          {"shadow_split_fills", s.split_fills},
          {"shadow_syncs", s.syncs},
          {"shadow_zaps", s.tables_zapped},
          {"shadow_reclaimed", s.reclaimed},
          {"shadow_tables_made", s.tables_made},
          {"shadow_tables", tables_.table_count()},
          {"write_protections", s.write_protections},
          {"write_protect_faults", write_faults_},
          {"emulated_writes", emulated_writes_},
          {"unsync_faults", s.unsynced},
          {"unsync_tables", tables_.unsync_count()},
          {"write_floods", s.flooded},
          {"root_loads", root_loads_},
          {"root_hits", s.root_hits},
          {"root_misses", s.root_misses},
          {"guest_page_faults", injected_},
          {"invalidations", invalidations_},
          {"device_accesses", device_accesses_},
          {"shadow_flushes_all", s.flushes_all},
          {"shadow_flushes_page", s.flushes_page},
          {"ept_violations", violations_},
          {"ept_fills", nested_.counters().fills},
          {"ept_table_pages", nested_.table_pages()}};
}

}  // namespace ringside::vmm
