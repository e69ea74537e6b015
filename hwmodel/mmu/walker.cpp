#include "hwmodel/mmu/walker.h"

#include <type_traits>

#include "hwmodel/mmu/entry/agile_shadow.h"
#include "hwmodel/mmu/entry/flattened.h"
#include "hwmodel/mmu/entry/legacy32.h"
#include "hwmodel/mmu/entry/long64.h"
#include "hwmodel/mmu/entry/pae.h"
#include "hwmodel/mmu/fault.h"
#include "hwmodel/mmu/walk_table.h"

namespace ringside::hw {
namespace {

// One walk of tables of `Format` over `Below` (MachineMemory or NestedMemory).
template <class Format, class Below>
class Walk {
 public:
  Walk(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out, Below& below, unsigned top)
      : memory_(memory), request_(request), out_(out), below_(below), top_(top), format_(request.controls) {}

  void run() {
    switch (descend_all()) {
      case Descent::kNotPresent:
        return page_fault(FaultReason::kNotPresent, last_kind());
      case Descent::kMalformed:
        return page_fault(FaultReason::kReservedBits, last_kind());
      case Descent::kStoppedBelow:
        return;  // recorded there
      case Descent::kLeaf:
        break;
    }
    out_.rights = leaf_.rights;
    if (!permitted(leaf_.rights, request_.kind, request_.who, request_.controls))
      return page_fault(FaultReason::kForbidden, forbidder());
    if (!flags_writable() || !find_page()) return;
    if (request_.flags == FlagUpdate::kWrite) {
      mark_accessed_dirty(format_, path_, request_.kind, out_);
      if (request_.caches) remember_tables();
    }
  }

 private:
  static constexpr bool kNested = std::is_same_v<Below, NestedMemory>;
  static constexpr bool kShadowed = std::is_same_v<Format, Long64Format>;
  static constexpr bool kAgile = kShadowed && kNested;
  static constexpr bool kCacheable = !requires(const Format& f) { f.covers(0); };

  Descent descend_all() {
    TableCursor cursor{Format::root(request_.cr3), static_cast<uint8_t>(top_), rights::kAll};
    TableKind kind = request_.regime.table;
    if (kShadowed && request_.regime.start != WalkStart::kCr3) {
      cursor.table = request_.regime.shadow_root;
      if (request_.regime.start == WalkStart::kShadowRoot)
        kind = TableKind::kShadow;
      else
        know_table(top_, rights::kNested);
    }
    if (const CachedTable* known = deepest_known_table()) {
      ++request_.caches->counters.table_hits;
      out_.cached_levels = static_cast<uint8_t>(top_ - known->level);
      cursor = {known->bus, known->level, known->rights};
      kind = known->kind;
      if (kind != TableKind::kShadow) know_table(known->level, known->below);
    }
    if constexpr (kAgile) {
      if (kind == TableKind::kShadow) return descend_agile(cursor);
    }
    return descend(format_, below_, kind, 0, cursor, request_.linear, out_, path_, leaf_);
  }

  // The shadow part; where an entry switches, on into the guest's own tables.
  Descent descend_agile(TableCursor cursor) {
    const AgileShadowFormat shadow(request_.controls);
    MachineMemory machine(memory_);
    const Descent end = descend(shadow, machine, TableKind::kShadow, 0, cursor, request_.linear, out_, path_, leaf_);
    if (end != Descent::kLeaf || !AgileShadowFormat::switches(leaf_.word, leaf_.level)) return end;
    cursor = {AgileShadowFormat::table(leaf_.word), static_cast<uint8_t>(leaf_.level - 1), leaf_.rights};
    know_table(cursor.level, rights::kNested);
    return descend(format_, below_, TableKind::kGuest, 0, cursor, request_.linear, out_, path_, leaf_);
  }

  void know_table(unsigned level, Rights below) {
    if constexpr (kNested) below_.know_table(level, below);
  }

  const CachedTable* deepest_known_table() const {
    if (!kCacheable || !request_.caches || request_.flags != FlagUpdate::kWrite) return nullptr;
    for (unsigned level = 1; level < top_; ++level) {
      if (!request_.caches->linear.holds(level)) continue;
      const uint64_t prefix = request_.linear >> Format::shift(level + 1);
      if (const CachedTable* known = request_.caches->linear.find(level, prefix, request_.tag)) return known;
    }
    return nullptr;
  }
  void remember_tables() {
    if (!kCacheable) return;
    for (unsigned i = 1; i < path_.depth; ++i) {
      const WalkPath::Entry& e = path_.entry[i];
      request_.caches->linear.insert(e.level, request_.linear >> Format::shift(e.level + 1u), request_.tag,
                                     {e.bus.value & ~(kPageSize - 1), e.level, e.kind, e.above, e.below});
    }
  }

  TableKind last_kind() const { return path_.depth ? path_.entry[path_.depth - 1].kind : request_.regime.table; }
  // Of a walk through shadow and guest tables: the guest's own entries, unless they alone would have allowed it.
  TableKind forbidder() const {
    if (last_kind() != TableKind::kGuest || path_.entry[0].kind == TableKind::kGuest) return last_kind();
    Rights guest = rights::kAll;
    for (unsigned i = 0; i < path_.depth; ++i) {
      const WalkPath::Entry& e = path_.entry[i];
      if (e.kind == TableKind::kGuest) guest &= Format::rights(static_cast<typename Format::Word>(e.word), e.level);
    }
    return permitted(guest, request_.kind, request_.who, request_.controls) ? TableKind::kShadow : TableKind::kGuest;
  }
  void page_fault(FaultReason reason, TableKind table) {
    out_.outcome = WalkOutcome::kPageFault;
    out_.fault_table = table;
    out_.error_code = fault_error_code(reason, request_.kind, request_.who, request_.controls);
  }

  // A flag to be written needs a page the dimension below lets the guest write.
  bool flags_writable() {
    if constexpr (kNested) {
      for (unsigned i = 0; i < path_.depth; ++i) {
        const WalkPath::Entry& e = path_.entry[i];
        if ((e.below & rights::kNestedWrite) || !missing_flags(format_, path_, i, request_.kind)) continue;
        below_.forbid_flag_update(e.address, e.below);
        return false;
      }
    }
    return true;
  }

  // Where the access goes, and what the result says about its page.
  bool find_page() {
    const unsigned shift = Format::shift(leaf_.level);
    const uint64_t physical = leaf_.page | (request_.linear & bit_range(shift - 1, 0));
    const auto word = static_cast<typename Format::Word>(leaf_.word);
    out_.page_shift = out_.mapped_shift = static_cast<uint8_t>(shift);
    out_.global = format_.global(word);
    out_.dirty = (word & format_.dirty()) || request_.kind == AccessKind::kWrite;
    out_.physical = HostPhysical(physical);
    out_.guest_physical = GuestPhysical(physical);
    if constexpr (kNested) {
      if (last_kind() == TableKind::kShadow) return true;
      const NestedMemory::Page page = below_.translate(physical, request_.kind);
      if (!page.ok) return false;
      out_.rights = static_cast<Rights>((out_.rights & rights::kGuest) | (page.rights & rights::kNested));
      out_.dirty = out_.dirty && page.dirty;
      out_.physical = HostPhysical(page.bus);
      if (page.shift < out_.mapped_shift) out_.mapped_shift = page.shift;
    }
    return true;
  }

  PhysicalMemory& memory_;
  const WalkRequest& request_;
  WalkResult& out_;
  Below& below_;
  unsigned top_;
  Format format_;
  WalkPath path_;
  Leaf leaf_;
};

template <class Format, class Below>
void walk_format(PhysicalMemory& memory, unsigned top, const WalkRequest& request, WalkResult& out, Below& below) {
  Walk<Format, Below>(memory, request, out, below, top).run();
}

template <class Below>
void walk_guest(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out, Below& below) {
  if (request.regime.shape == TableShape::kFlattened) {
    return walk_format<Flattened<Long64Format, 2>>(memory, 2, request, out, below);
  }
  switch (request.controls.mode) {
    case PagingMode::kOff:
      break;
    case PagingMode::kLegacy32:
      return walk_format<Legacy32Format>(memory, Legacy32Format::kTopLevel, request, out, below);
    case PagingMode::kPae:
      return walk_format<PaeFormat>(memory, PaeFormat::kTopLevel, request, out, below);
    case PagingMode::kFourLevel:
      return walk_format<Long64Format>(memory, 4, request, out, below);
    case PagingMode::kFiveLevel:
      return walk_format<Long64Format>(memory, 5, request, out, below);
  }
}

// Paging off: the linear address is guest-physical, all rights are the dimension below's.
void walk_unpaged(const WalkRequest& request, WalkResult& out, NestedMemory& below) {
  const NestedMemory::Page page = below.translate(request.linear, request.kind);
  if (!page.ok) return;
  out.rights = static_cast<Rights>(rights::kGuest | (page.rights & rights::kNested));
  out.dirty = page.dirty;
  out.page_shift = out.mapped_shift = page.shift;
  out.guest_physical = GuestPhysical(request.linear);
  out.physical = HostPhysical(page.bus);
}

void walk_once(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out) {
  out.start(request.linear, request.kind, request.who);
  out.mode = walk_mode(request.regime);
  if (request.regime.two_dimensional) {
    WalkCaches* caches = request.flags == FlagUpdate::kWrite ? request.caches : nullptr;
    NestedMemory below(memory, request.regime.nested, request.flags, caches, out);
    if (request.controls.mode == PagingMode::kOff) return walk_unpaged(request, out, below);
    return walk_guest(memory, request, out, below);
  }
  MachineMemory below(memory);
  if (request.controls.mode != PagingMode::kOff) return walk_guest(memory, request, out, below);
  out.physical = HostPhysical(request.linear);
  out.guest_physical = GuestPhysical(request.linear);
  out.dirty = true;
  out.page_shift = out.mapped_shift = kPageShift;
}

}  // namespace

void walk(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out) {
  const uint64_t hits_before = request.caches ? request.caches->counters.hits() : 0;
  walk_once(memory, request, out);
  if (out.outcome == WalkOutcome::kTranslated || !request.caches || request.caches->counters.hits() == hits_before)
    return;
  WalkRequest from_the_root = request;
  from_the_root.caches = nullptr;
  walk_once(memory, from_the_root, out);
}

}  // namespace ringside::hw
