#include "hwmodel/mmu/mmu.h"

#include <cassert>

#include "hwmodel/cost/cpu_time.h"
#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/machine/observer.h"
#include "hwmodel/mmu/fast_tables.h"
#include "hwmodel/mmu/tlb.h"
#include "hwmodel/mmu/walk_cache.h"
#include "hwmodel/mmu/walker.h"

namespace ringside::hw {
namespace {

constexpr uint64_t low_bits(unsigned shift) { return (uint64_t{1} << shift) - 1; }

// The part of `source` around `linear` that an array of smaller pieces can hold.
TlbEntry piece_of(const TlbEntry& source, uint64_t linear, unsigned shift) {
  TlbEntry piece = source;
  piece.shift = static_cast<uint8_t>(shift);
  piece.first = linear & ~low_bits(shift);
  piece.frame = source.physical(linear) & ~low_bits(shift);
  piece.handed_out = piece.slot_groups = 0;
  return piece;
}

// MODEL: a 4 MiB page is cached as the 2 MiB half touched; the arrays know three sizes [SDM 3A 4.10.2.3 "Details of TLB
// Use"].
unsigned cacheable_shift(unsigned mapped_shift) { return mapped_shift >= 30 ? 30 : mapped_shift >= 21 ? 21 : 12; }

TlbEntry entry_of(const WalkResult& walk, TlbTag tag) {
  const unsigned shift = cacheable_shift(walk.mapped_shift);
  return {.frame = walk.physical.value & ~low_bits(shift),
          .first = walk.linear.value & ~low_bits(shift),
          .tag = tag,
          .rights = walk.rights,
          .global = walk.global,
          .dirty = walk.dirty,
          .shift = static_cast<uint8_t>(shift),
          .page_shift = walk.page_shift};
}

bool watches_data(uint64_t dr7) {
  for (unsigned i = 0; i < 4; ++i) {
    // [SDM 3B 18.2.4 "Debug Control Register (DR7)"]: enabled locally or globally, and not an instruction breakpoint
    // (type 0)
    if ((dr7 >> (2 * i) & 3) && (dr7 >> (16 + 4 * i) & 3)) return true;
  }
  return false;
}

}  // namespace

Mmu::Mmu(CpuState& cpu, PhysicalMemory& memory)
    : cpu_(cpu),
      memory_(memory),
      tlbs_(std::make_unique<TlbSet>(default_tlb_profile())),
      fast_(std::make_unique<FastTables>()),
      caches_(std::make_unique<WalkCaches>(default_tlb_profile())),
      regime_(std::make_unique<TranslationRegime>()),
      nested_in_caches_(std::make_unique<NestedControls>()),
      walk_(std::make_unique<WalkResult>()) {
  update_mode();
}

Mmu::~Mmu() = default;

// --- mode
// ----------------------------------------------------------------------------------------------------------------

void Mmu::update_mode() {
  if (cpu_.cr0 != seen_.cr0 || cpu_.cr3 != seen_.cr3 || cpu_.cr4 != seen_.cr4 || cpu_.efer != seen_.efer) reload();
  ac_ = (cpu_.system_flags & rflags::kAc) != 0;
  view_ = choose_view();
  current_ = &fast_->view(view_);
}

void Mmu::reload() {
  const bool new_root = cpu_.cr3 != seen_.cr3;
  seen_ = {cpu_.cr0, cpu_.cr3, cpu_.cr4, cpu_.efer};
  PagingControls controls = paging_controls(cpu_);
  if (controls.mode != PagingMode::kOff && regime_->force_write_protect) controls.write_protect = true;
  if (controls == controls_ && !new_root) return;  // a bit that means nothing here, such as CR0.TS
  if (controls != controls_) permissions_ = PermissionTable(controls);
  if (controls.mode != controls_.mode) caches_->linear.forget_all();  // its keys mean something else now
  controls_ = controls;
  paged_ = controls_.mode != PagingMode::kOff || regime_->two_dimensional;
  tag_ = tlb_tag(vpid_, current_pcid(cpu_));
  drop_fast();
  ++fetch_generation_;
}

void Mmu::set_vpid(uint16_t vpid) {
  if (vpid == vpid_) return;
  vpid_ = vpid;
  tag_ = tlb_tag(vpid_, current_pcid(cpu_));
  drop_fast();
  ++fetch_generation_;
}

void Mmu::set_regime(const TranslationRegime& regime) {
  assert(!regime.two_dimensional || regime.nested.shape != TableShape::kTree || regime.nested.levels == 4 ||
         regime.nested.levels == 5);
  assert(regime.start != WalkStart::kSwitchedRoot || regime.two_dimensional);
  if (regime == *regime_) return;
  if (regime.two_dimensional && regime.nested != *nested_in_caches_) {
    flush_nested();
    *nested_in_caches_ = regime.nested;
  }
  *regime_ = regime;
  seen_.cr0 = ~uint64_t{0};  // the regime may force a control bit
  update_mode();
  paged_ = controls_.mode != PagingMode::kOff || regime.two_dimensional;
  drop_fast();
  ++fetch_generation_;
}

View Mmu::choose_view() const {
  if ((cpu_.dr7 & 0xff) && watches_data(cpu_.dr7)) return View::kNoFast;
  if (cpu_.cpl == 3) return ac_ && (cpu_.cr0 & cr0::kAm) ? View::kNoFast : View::kUser;
  return ac_ && controls_.smap ? View::kKernelAc : View::kKernel;
}

AccessMode Mmu::mode_of(bool user) const {
  if (user) return AccessMode::kUser;
  return cpu_.cpl == 3 ? AccessMode::kSupervisorImplicit : AccessMode::kSupervisor;
}

void Mmu::set_tlb_profile(const TlbProfile& profile) {
  drop_fast();
  ++fetch_generation_;
  fractured_ = false;
  tlbs_ = std::make_unique<TlbSet>(profile);
  caches_ = std::make_unique<WalkCaches>(profile);
}

// --- one access
// ------------------------------------------------------------------------------------------------------------

Translation Mmu::translate(uint64_t linear, AccessKind kind, AccessMode mode) {
  if (!paged_) return unpaged(linear, kind);
  if (const TlbSide::Hit hit = tlbs_->first(kind).find(linear, tag_)) {
    TlbEntry& entry = hit.entry();
    if (suffices(entry, kind, access_role(mode, ac_))) [[likely]]
      return answer(entry, linear, kind, mode);
    return rewalk(linear, kind, mode);
  }
  return miss(linear, kind, mode);
}

// A dirty flag still to be set and a permission that does not suffice both need a walk: the tables may say otherwise by
// now, and software may rely on that when it only adds permissions [SDM 3A 4.10.4.3 "Optional Invalidation"].
bool Mmu::suffices(const TlbEntry& entry, AccessKind kind, AccessRole who) const {
  return permissions_.allows(entry.rights, kind, who) && (entry.dirty || kind != AccessKind::kWrite);
}

Translation Mmu::unpaged(uint64_t linear, AccessKind kind) {
  const GuestPhysical physical(linear);
  if (kind != AccessKind::kFetch && view_ != View::kNoFast) {
    if (uint8_t* host = memory_.host(GuestPhysical(linear & ~low_bits(kPageShift)))) {
      const bool slow = memory_.page_flags(host) & PhysicalMemory::kSlowStores;
      fast_->fill(view_, linear, host, slow ? FastTables::Writable::kNo : FastTables::Writable::kYes);
    }
  }
  return {true, physical};
}

// The fast table answers explicit accesses of the current view; an implicit one may be allowed other things.
bool Mmu::fits_view(AccessMode mode) const {
  return view_ == View::kUser ? mode == AccessMode::kUser : view_ != View::kNoFast && mode == AccessMode::kSupervisor;
}

// A first-level entry suffices. For data its page becomes directly reachable while the entry lives.
Translation Mmu::answer(TlbEntry& entry, uint64_t linear, AccessKind kind, AccessMode mode) {
  const uint64_t physical = entry.physical(linear);
  if (kind == AccessKind::kFetch) {
    entry.handed_out = fetch_generation_;
  } else if (fits_view(mode)) {
    uint8_t* host = memory_.host(GuestPhysical(physical & ~low_bits(kPageShift)));
    const AccessRole who = access_role(mode, ac_);
    if (host && permissions_.allows(entry.rights, AccessKind::kRead, who)) {
      const bool writable = entry.dirty && permissions_.allows(entry.rights, AccessKind::kWrite, who) &&
                            !(memory_.page_flags(host) & PhysicalMemory::kSlowStores);
      entry.slot_groups |=
          fast_->fill(view_, linear, host, writable ? FastTables::Writable::kYes : FastTables::Writable::kNo);
    }
  }
  return {true, GuestPhysical(physical)};
}

Translation Mmu::miss(uint64_t linear, AccessKind kind, AccessMode mode) {
  ++(kind == AccessKind::kFetch ? counters.l1_fetch_misses : counters.l1_data_misses);
  if (const TlbSide::Hit hit = tlbs_->second(kind).find(linear, tag_)) {
    ++counters.l2_hits;
    if (time) time->charge(Primitive::kL2TlbHit);
    if (!suffices(hit.entry(), kind, access_role(mode, ac_))) return rewalk(linear, kind, mode);
    return fill_first(hit.entry(), linear, kind, mode);
  }
  return walk(linear, kind, mode);
}

Translation Mmu::rewalk(uint64_t linear, AccessKind kind, AccessMode mode) {
  ++counters.rewalks;
  remove_from(tlbs_->first(kind), linear);
  remove_from(tlbs_->second(kind), linear);
  return walk(linear, kind, mode);
}

WalkRequest Mmu::request(uint64_t linear, AccessKind kind, AccessMode mode) const {
  return {.linear = linear,
          .kind = kind,
          .who = access_role(mode, ac_),
          .controls = controls_,
          .cr3 = cpu_.cr3,
          .flags = FlagUpdate::kLeave,
          .regime = *regime_,
          .caches = nullptr,
          .tag = tag_};
}

Translation Mmu::walk(uint64_t linear, AccessKind kind, AccessMode mode) {
  WalkRequest request = this->request(linear, kind, mode);
  request.flags = FlagUpdate::kWrite;
  request.caches = caches_.get();
  hw::walk(memory_, request, *walk_);
  ++counters.walks;
  counters.walk_references += walk_->references();
  for (WalkTally* tally : {&counters.walks_by_mode[static_cast<size_t>(walk_->mode)], &counters.walks_by_kind[static_cast<size_t>(kind)]}) {
    ++tally->walks;
    tally->references += walk_->references();
  }
  if (time) {
    const uint64_t before = time->extra();
    time->charge_walk(walk_->references());
    walk_->cycles = time->extra() - before;
  }
  if (observer && observer->wants_walks()) observer->on_walk(*walk_);
  if (walk_->outcome != WalkOutcome::kTranslated) {
    // [SDM 3A 4.10.4.1 "Operations that Invalidate TLBs and Paging-Structure Caches"]: page faults; [SDM 3C 28.4.3.1]:
    // EPT violations
    counters.faults += walk_->outcome == WalkOutcome::kPageFault;
    counters.nested_faults += walk_->outcome != WalkOutcome::kPageFault;
    forget_page(linear);
    forget_tables(linear);
    return {false, GuestPhysical(0), walk_->error_code, walk_->outcome};
  }
  const TlbEntry entry = entry_of(*walk_, tag_);
  fill_second(entry, kind);
  return fill_first(entry, linear, kind, mode);
}

// The first level takes the page whole, or the piece touched where it has no array for the page's size.
Translation Mmu::fill_first(const TlbEntry& source, uint64_t linear, AccessKind kind, AccessMode mode) {
  const TlbSide& side = tlbs_->first(kind);
  for (unsigned size = (source.shift - 12u) / 9 + 1; size-- > 0;) {
    TlbArray* array = side.by_size[size];
    if (!array) continue;
    const TlbEntry piece = piece_of(source, linear, 12 + 9 * size);
    fractured_ |= piece.shift < piece.page_shift;
    const unsigned index = array->insert(piece, [&](unsigned victim) { retire(*array, victim); });
    return answer(array->entry(index), linear, kind, mode);
  }
  if (kind == AccessKind::kFetch) ++fetch_generation_;
  return {true, GuestPhysical(source.physical(linear))};
}

// The second level holds only whole pages of the sizes it has arrays for.
void Mmu::fill_second(const TlbEntry& source, AccessKind kind) {
  TlbArray* array = tlbs_->second(kind).by_size[(source.shift - 12u) / 9];
  if (!array) return;
  fractured_ |= source.shift < source.page_shift;
  array->insert(source, [&](unsigned victim) { retire(*array, victim); });
}

Translation Mmu::peek(uint64_t linear, AccessKind kind, AccessMode mode) const {
  if (!paged_) return {true, GuestPhysical(linear)};
  const AccessRole who = access_role(mode, ac_);
  TlbSide::Hit hit = tlbs_->first(kind).find(linear, tag_);
  if (!hit) hit = tlbs_->second(kind).find(linear, tag_);
  if (hit && suffices(hit.entry(), kind, who)) return {true, GuestPhysical(hit.entry().physical(linear))};
  WalkResult walk;
  peek_walk(linear, kind, mode, walk);
  if (walk.outcome != WalkOutcome::kTranslated) return {false, GuestPhysical(0), walk.error_code, walk.outcome};
  return {true, GuestPhysical(walk.physical.value)};
}

void Mmu::peek_walk(uint64_t linear, AccessKind kind, AccessMode mode, WalkResult& out) const {
  hw::walk(memory_, request(linear, kind, mode), out);
}

Mmu::Cached Mmu::peek_cached(uint64_t linear, AccessKind kind) const {
  Cached cached;
  if (!paged_) return cached;
  if (tlbs_->first(kind).find(linear, tag_)) cached.tlb = TlbLevel::kFirst;
  else if (tlbs_->second(kind).find(linear, tag_)) cached.tlb = TlbLevel::kSecond;
  for (unsigned level = 1; level < kMaxLevels && !cached.table_level; ++level)
    if (caches_->linear.holds(level) && caches_->linear.find(level, table_prefix(linear, level), tag_)) cached.table_level = level;
  return cached;
}

// --- forgetting
// --------------------------------------------------------------------------------------------------------------

// An entry is about to go: what was handed out because of it goes too.
void Mmu::retire(const TlbArray& array, unsigned index) {
  const TlbEntry& entry = array.entry(index);
  if (TlbSet::feeds_fast_table(array)) fast_->drop_piece(entry.first, entry.shift, entry.slot_groups);
  if (TlbSet::feeds_fetch(array) && entry.handed_out == fetch_generation_) ++fetch_generation_;
}

template <class Condition>
void Mmu::remove_where(Condition&& condition) {
  for (TlbArray& array : tlbs_->arrays()) {
    array.remove_if(condition, [&](unsigned index) { retire(array, index); });
  }
}

void Mmu::remove_from(const TlbSide& side, uint64_t linear) {
  while (const TlbSide::Hit hit = side.find(linear, tag_)) {
    retire(*hit.array, hit.index);
    hit.array->remove(hit.index);
  }
}

// All entries of the page, current PCID or global.
void Mmu::forget_page(uint64_t linear) {
  if (fractured_) return remove_where([&](const TlbEntry& e) { return e.visible(tag_) && e.same_page(linear); });
  for (const AccessKind kind : {AccessKind::kRead, AccessKind::kFetch}) {
    remove_from(tlbs_->first(kind), linear);
    remove_from(tlbs_->second(kind), linear);
  }
}

// The address bits that lead to the table of `level`.
uint64_t Mmu::table_prefix(uint64_t linear, unsigned level) const {
  const unsigned lowest = controls_.mode == PagingMode::kLegacy32 ? 22 : 21;
  return linear >> (lowest + 9 * (level - 1));
}

// The inner tables on the way to `linear`.
void Mmu::forget_tables(uint64_t linear) {
  for (unsigned level = 1; level < kMaxLevels; ++level) {
    if (caches_->linear.holds(level)) caches_->linear.forget(level, table_prefix(linear, level), tag_);
  }
}

// INVLPG and INVPCID empty the paging-structure caches of their PCID whatever the address [SDM 3A 4.10.4.1].
void Mmu::flush_page(uint64_t linear) {
  ++counters.flushes_page;
  last_flushed_page = linear;
  forget_page(linear);
  caches_->linear.forget_tag(tag_);
}

void Mmu::flush_page(uint64_t linear, uint16_t pcid) {
  ++counters.flushes_page;
  last_flushed_page = linear;
  const TlbTag tag = tlb_tag(vpid_, pcid);
  remove_where([&](const TlbEntry& e) { return !e.global && e.tag == tag && e.same_page(linear); });
  caches_->linear.forget_tag(tag);
}

void Mmu::flush_all() {
  ++counters.flushes_all;
  remove_where([&](const TlbEntry& e) { return (e.tag & kVpidMask) == (tag_ & kVpidMask); });
  caches_->linear.forget_vpid(tag_);
}

void Mmu::flush_non_global() { flush_pcid(current_pcid(cpu_), true); }

void Mmu::flush_all_pcids_non_global() {
  ++counters.flushes_all;
  remove_where([&](const TlbEntry& e) { return !e.global && (e.tag & kVpidMask) == (tag_ & kVpidMask); });
  caches_->linear.forget_vpid(tag_);
}

void Mmu::flush_pcid(uint16_t pcid, bool keep_global) {
  ++counters.flushes_all;
  const TlbTag tag = tlb_tag(vpid_, pcid);
  remove_where([&](const TlbEntry& e) { return e.tag == tag && !(keep_global && e.global); });
  caches_->linear.forget_tag(tag);
}

// MODEL: TLB entries do not say which nested tables they came from, so all go; INVEPT may invalidate more than asked
// for.
void Mmu::flush_nested() {
  ++counters.flushes_all;
  remove_where([](const TlbEntry&) { return true; });
  caches_->linear.forget_all();
  caches_->forget_guest_physical();
}

void Mmu::forbid_fast_writes(const uint8_t* host_page) { fast_->forbid_writes(host_page); }

void Mmu::drop_fast() { fast_->drop_all(); }

}  // namespace ringside::hw
