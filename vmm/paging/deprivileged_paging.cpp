#include "vmm/paging/deprivileged_paging.h"

#include <algorithm>

#include "hwmodel/mmu/entry/long64.h"
#include "hwmodel/mmu/fault.h"
#include "vmm/paging/nested_paging.h"

namespace ringside::vmm {

using namespace hw;

namespace {

constexpr uint64_t kPagingCr0 = cr0::kPg | cr0::kWp | cr0::kPe;
constexpr uint64_t kPagingCr4 = cr4::kPae | cr4::kPge | cr4::kPcide | cr4::kSmep | cr4::kSmap | cr4::kLa57;

}  // namespace

Result<std::unique_ptr<DeprivilegedPaging>> DeprivilegedPaging::create(MonitorMemory& monitor, Cpu& guest, TranslatedCode code, TableEdits edits) {
  auto part = MonitorPart::create(monitor, code);
  if (!part) return part.error();
  const uint64_t left = monitor.capacity_pages() - monitor.used_pages();
  if (left < ShadowTables::kMinimumPages) return pool_too_small("shadow", left, ShadowTables::kMinimumPages);
  return std::unique_ptr<DeprivilegedPaging>(new DeprivilegedPaging(monitor, guest, std::move(part.value()), edits));
}

DeprivilegedPaging::DeprivilegedPaging(MonitorMemory& monitor, Cpu& guest, std::unique_ptr<MonitorPart> part, TableEdits edits)
    : guest_(guest), ram_(monitor), walker_(ram_), part_(std::move(part)), tables_(monitor, ram_, nullptr) {
  if (edits == TableEdits::kTold) tables_.keep_edits();
  tables_.set_on_traced([this](uint64_t page, bool) { set_flags_of_page(page); });
  guest_.store_watcher = this;
}

DeprivilegedPaging::~DeprivilegedPaging() {
  tables_.set_on_traced({});
  guest_.store_watcher = nullptr;
}

// --- what the processor walks

bool DeprivilegedPaging::can_run() const {
  const PagingMode mode = paging_mode(guest_);
  return mode == PagingMode::kFourLevel || mode == PagingMode::kFiveLevel;
}

GuestView DeprivilegedPaging::view() const {
  if (guest_.cpl == 3) return GuestView::kUser;
  const bool closed = (guest_.cr4 & cr4::kSmap) && !(guest_.system_flags & rflags::kAc);
  return closed ? GuestView::kKernelUserClosed : GuestView::kKernel;
}

uint64_t DeprivilegedPaging::root() {
  const unsigned levels = paging_mode(guest_) == PagingMode::kFiveLevel ? 5 : 4;
  if (!shadowing_ || levels != levels_) {
    levels_ = levels;
    shadowing_ = true;
    tables_.set_monitor_entry(slot_, part_->entry_for_kernel(levels), part_->entry_for_user(levels));
    seen_ = look();
  }
  return tables_.load_root(guest_, view()).table.value;
}

bool DeprivilegedPaging::in_monitor_part(uint64_t linear) const {
  return (linear >> Long64Format::shift(levels_) & 511) == slot_;
}

// The guest uses the monitor's slot of its address space: the monitor goes to one the guest's top table leaves free.
void DeprivilegedPaging::move_monitor_part() {
  const uint64_t top = Long64Format::root(guest_.cr3);
  for (unsigned i = 1; i < 512; ++i) {
    const unsigned candidate = (slot_ + i) & 511;
    if (candidate < 2 || (ram_.has_page(top) && Long64Format::present(ram_.word(top + candidate * 8)))) continue;
    slot_ = candidate;
    break;
  }
  ++moves_;
  tables_.set_monitor_entry(slot_, part_->entry_for_kernel(levels_), part_->entry_for_user(levels_));
}

// --- faults

FaultAction DeprivilegedPaging::page_fault(uint64_t linear, uint32_t error) {
  ++page_faults_;
  access_ = {linear};
  if (error & fault_code::kWrite) access_.kind = AccessKind::kWrite;
  if (error & fault_code::kFetch) access_.kind = AccessKind::kFetch;
  access_.who = access_role(guest_.cpl == 3 ? AccessMode::kUser : AccessMode::kSupervisor, (guest_.system_flags & rflags::kAc) != 0);
  details_ = {linear, error, 0};
  return resolve();
}

FaultAction DeprivilegedPaging::resolve() {
  const GuestWalk& walk = walker_.walk(guest_, access_);
  if (!walk.ok) {
    ++injected_;
    report_.step(PagingOperation::kGuestFault, {.address = access_.linear});
    details_.error = walk.error;
    return FaultAction::kInjectFault;
  }
  walker_.set_flags();
  details_.guest_physical = walk.guest_physical;
  if (!ram_.has_page(walk.guest_physical)) {
    ++device_accesses_;
    report_.step(PagingOperation::kDevice, {.address = walk.guest_physical});
    return FaultAction::kDevice;
  }
  if (in_monitor_part(access_.linear)) move_monitor_part();
  const uint64_t page = page_of(walk.guest_physical);
  const bool write = access_.kind == AccessKind::kWrite;
  bool emulate = false;
  if (write && tables_.is_protected(page)) {
    ++write_faults_;
    report_.step(PagingOperation::kWriteFault, {.address = access_.linear, .table = page});
    emulate = !tables_.unprotect(page);
  }
  if (write && tables_.is_traced(page)) emulate = true;
  tables_.load_root(guest_, view());  // a write to the current top table may have dropped it
  const ShadowTables::Filled filled = tables_.fill(walk, access_.linear, ShadowTables::Leaf::kAsGuest);
  if (!write || (filled == ShadowTables::Filled::kWritable && !emulate)) return FaultAction::kResume;
  ++emulated_writes_;
  report_.step(PagingOperation::kEmulatedWrite, {.address = access_.linear, .table = page});
  return FaultAction::kEmulate;
}

// --- what the virtual processor did

void DeprivilegedPaging::set_flags_of_page(uint64_t page) {
  if (!ram_.has_page(page)) return;
  uint8_t* host = ram_.host(page);
  uint8_t& flags = guest_.memory.page_flags(host);
  const bool wanted = tables_.is_protected(page);
  if (wanted == ((flags & PhysicalMemory::kTraced) != 0)) return;
  flags ^= PhysicalMemory::kTraced;
  if (wanted) guest_.mmu.forbid_fast_writes(host);
  else guest_.mmu.drop_fast();
}

void DeprivilegedPaging::trace_page(uint64_t page, bool on) {
  if (ram_.has_page(page) && tables_.is_traced(page) != on) tables_.set_traced(page, on);
}

void DeprivilegedPaging::on_traced_store(GuestPhysical address) {
  const uint64_t page = page_of(address.value);
  if (tables_.is_traced(page) && trace_hook_) trace_hook_(address.value);
  if (tables_.is_protected(page) && std::find(written_.begin(), written_.end(), page) == written_.end()) written_.push_back(page);
}

DeprivilegedPaging::Seen DeprivilegedPaging::look() const {
  return {guest_.cr0, guest_.cr3, guest_.cr4, guest_.efer, guest_.mmu.counters.flushes_all, guest_.mmu.counters.flushes_page};
}

void DeprivilegedPaging::after_emulation() {
  const Seen now = look(), before = std::exchange(seen_, now);
  if (!shadowing_) return;
  if (!can_run()) {  // the guest edits its tables unseen from now on
    tables_.zap_all();
    written_.clear();
    shadowing_ = false;
    return;
  }
  for (const uint64_t page : written_) tables_.open(page, 0);
  if (!written_.empty()) tables_.close();
  written_.clear();
  const bool mode = ((before.cr0 ^ now.cr0) & kPagingCr0) || ((before.cr4 ^ now.cr4) & kPagingCr4) || before.efer != now.efer;
  const bool root = before.cr3 != now.cr3;
  root_loads_ += root;
  if (root) report_.step(PagingOperation::kRootLoad, {.address = now.cr3, .table = page_of(now.cr3)});
  const uint64_t pages = now.flushes_page - before.flushes_page;
  const bool all = mode || root || before.flushes_all != now.flushes_all || pages > 1;
  if (!all && !pages) return;
  ++invalidations_;
  if (all) {
    report_.step(PagingOperation::kInvalidate, {});
    tables_.sync_all();
    tables_.flush_all_later();
  } else {
    report_.step(PagingOperation::kInvalidate, {.address = guest_.mmu.last_flushed_page});
    tables_.sync_page(guest_.mmu.last_flushed_page);
    tables_.flush_page_later(guest_.mmu.last_flushed_page);
  }
}

std::vector<NamedCounter> DeprivilegedPaging::counters() const {
  const ShadowCounters& s = tables_.counters();
  return {{"shadow_page_faults", page_faults_},
          {"shadow_fills", s.fills + s.large_fills + s.split_fills},
          {"shadow_syncs", s.syncs},
          {"shadow_zaps", s.tables_zapped},
          {"shadow_reclaimed", s.reclaimed},
          {"shadow_tables", tables_.table_count()},
          {"write_protections", s.write_protections},
          {"write_protect_faults", write_faults_},
          {"emulated_writes", emulated_writes_},
          {"unsync_faults", s.unsynced},
          {"root_loads", root_loads_},
          {"root_hits", s.root_hits},
          {"root_misses", s.root_misses},
          {"guest_page_faults", injected_},
          {"invalidations", invalidations_},
          {"device_accesses", device_accesses_},
          {"monitor_part_moves", moves_},
          {"shadow_flushes_all", s.flushes_all}};
}

}  // namespace ringside::vmm
