#include "hwmodel/mmu/nested_memory.h"

#include "hwmodel/mmu/entry/ept.h"
#include "hwmodel/mmu/entry/flattened.h"

namespace ringside::hw {

EntryPlace NestedMemory::locate(uint64_t guest_physical, unsigned level) {
  if (level == known_level_) {
    known_level_ = 0;
    return {true, HostPhysical(guest_physical), memory_.host(GuestPhysical(guest_physical)), known_below_};
  }
  // With accessed and dirty flags for EPT, accesses to the guest's tables are treated as writes [SDM 3C 28.3.5].
  const Want want{true, controls_.accessed_dirty, false, level};
  if (caches_) {
    if (const NestedTlb::Page* known = caches_->nested_tlb.find(guest_physical)) {
      const bool enough =
          (known->rights & rights::kNestedRead) && (!want.write || (known->rights & rights::kNestedWrite));
      if (enough) {
        ++caches_->counters.nested_tlb_hits;
        ++out_.nested_tlb_hits;
        const uint64_t bus = known->bus + (guest_physical - known->first);
        return {true, HostPhysical(bus), memory_.host(GuestPhysical(bus)), known->rights};
      }
    }
  }
  const Page page = resolve(guest_physical, want);
  if (!page.ok) return {false, HostPhysical(0), nullptr, 0};
  // MODEL: the nested TLB holds only pages of tables, as Bhargava et al. (ASPLOS 2008) propose: the data pages'
  // locality is the TLB's.
  if (caches_ && flags_ == FlagUpdate::kWrite) {
    const uint64_t within = bit_range(page.shift - 1u, 0);
    caches_->nested_tlb.insert({guest_physical & ~within, page.bus & ~within, page.shift, page.rights});
  }
  return {true, HostPhysical(page.bus), memory_.host(GuestPhysical(page.bus)), page.rights};
}

NestedMemory::Page NestedMemory::translate(uint64_t guest_physical, AccessKind kind) {
  return resolve(guest_physical,
                 {kind == AccessKind::kRead, kind == AccessKind::kWrite, kind == AccessKind::kFetch, 0});
}

NestedMemory::Page NestedMemory::resolve(uint64_t guest_physical, Want want) {
  switch (controls_.shape) {
    case TableShape::kTree:
      return walk(EptFormat(controls_.accessed_dirty), controls_.levels, guest_physical, want);
    case TableShape::kFlattened:
      return walk(Flattened<EptFormat, 2>(controls_.accessed_dirty), 2, guest_physical, want);
    case TableShape::kArray:
      return walk(Flattened<EptFormat, 1>(controls_.accessed_dirty, controls_.array_bytes), 1, guest_physical, want);
  }
  return {};
}

template <class Format>
NestedMemory::Page NestedMemory::walk(const Format& format, unsigned levels, uint64_t guest_physical, Want want) {
  TableCursor cursor{controls_.root, static_cast<uint8_t>(levels), rights::kAll};
  // MODEL: flattened tables span many pages and are not cached.
  TableCache* cache = caches_ && flags_ == FlagUpdate::kWrite && controls_.shape == TableShape::kTree
                          ? &caches_->guest_physical
                          : nullptr;
  for (unsigned level = 1; cache && level < levels; ++level) {
    if (!cache->holds(level)) continue;
    const CachedTable* known = cache->find(level, guest_physical >> format.shift(level + 1), 0);
    if (!known) continue;
    ++caches_->counters.nested_table_hits;
    ++out_.nested_table_hits;
    cursor = {known->bus, known->level, known->rights};
    break;
  }
  MachineMemory below(memory_);
  WalkPath path;
  Leaf leaf;
  switch (descend(format, below, TableKind::kNested, want.serves, cursor, guest_physical, out_, path, leaf)) {
    case Descent::kNotPresent:
      violation(guest_physical, want, 0);
      return {};
    case Descent::kMalformed:
      out_.outcome = WalkOutcome::kNestedMisconfiguration;
      out_.guest_physical = GuestPhysical(guest_physical);
      return {};
    case Descent::kStoppedBelow:
      return {};  // machine memory stops nobody
    case Descent::kLeaf:
      break;
  }
  const Rights r = leaf.rights;
  const bool allowed = (!want.read || (r & rights::kNestedRead)) && (!want.write || (r & rights::kNestedWrite)) &&
                       (!want.fetch || (r & rights::kNestedExecute));
  if (!allowed) {
    violation(guest_physical, want, r);
    return {};
  }
  const AccessKind kind = want.write ? AccessKind::kWrite : want.fetch ? AccessKind::kFetch : AccessKind::kRead;
  if (flags_ == FlagUpdate::kWrite) mark_accessed_dirty(format, path, kind, out_);
  for (unsigned i = 1; cache && i < path.depth; ++i) {
    const WalkPath::Entry& e = path.entry[i];
    cache->insert(e.level, guest_physical >> format.shift(e.level + 1u), 0,
                  {e.bus.value & ~(kPageSize - 1), e.level, TableKind::kNested, e.above, rights::kNested});
  }
  const unsigned shift = format.shift(leaf.level);
  return {.ok = true,
          .bus = leaf.page | (guest_physical & bit_range(shift - 1, 0)),
          .shift = static_cast<uint8_t>(shift),
          .rights = r,
          .dirty = !controls_.accessed_dirty || (leaf.word & format.dirty()) || want.write};
}

void NestedMemory::violation(uint64_t guest_physical, Want want, Rights r) {
  using namespace ept_violation;
  out_.outcome = WalkOutcome::kNestedViolation;
  out_.guest_physical = GuestPhysical(guest_physical);
  out_.qualification = kLinearValid | (want.serves == 0 ? kFinal : 0) | (want.read ? kRead : 0) |
                       (want.write ? kWrite : 0) | (want.fetch ? kFetch : 0) |
                       (r & rights::kNestedRead ? kReadable : 0) | (r & rights::kNestedWrite ? kWritable : 0) |
                       (r & rights::kNestedExecute ? kExecutable : 0);
}

// A locked read-modify-write of the entry: both read and write in the qualification.
void NestedMemory::forbid_flag_update(uint64_t guest_physical, Rights below) {
  violation(guest_physical, {true, true, false, 1}, below);
}

}  // namespace ringside::hw
