// The CPU's memory management unit: paging mode, TLBs, the fast table, and translation of one access.
// Mechanism only: what a fault means to the guest is decided by the caller. Walks live in walker.h, TLB arrays in
// tlb.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/access_mode.h"
#include "hwmodel/mmu/fast_table.h"
#include "hwmodel/mmu/fault.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/walk_outcome.h"
#include "traces/base/types.h"

namespace ringside::hw {

struct CpuState;
class Observer;
class CpuTime;     // cost/cpu_time.h
struct TlbProfile;  // mmu/tlb_profile.h: sizes and ways of L1 instruction, L1 data and unified L2
class TlbSet;       // mmu/tlb.h
struct TlbEntry;    // mmu/tlb_array.h
class TlbArray;
struct TlbSide;
struct WalkResult;         // mmu/walk_result.h
struct WalkRequest;        // mmu/walker.h
struct TranslationRegime;  // mmu/walker.h: native, shadow, nested or agile
struct NestedControls;     // mmu/nested_memory.h
struct WalkCaches;         // mmu/walk_cache.h
class FastTables;          // mmu/fast_tables.h

// The outcome of translating one linear address.
struct Translation {
  bool ok = false;
  GuestPhysical physical;
  uint32_t error_code = 0;  // of the page fault when !ok [SDM 3A 4.7]
  WalkOutcome outcome =
      WalkOutcome::kTranslated;  // when !ok: page fault, or a nested outcome that Mmu::last_walk details
};

struct WalkTally {
  uint64_t walks = 0, references = 0;
};

// Misses count accesses no first-level entry answered. An entry that answers but does not suffice (first write, or a
// permission that may be stale) is a hit followed by a walk, a "rewalk". Hence, always:
//   walks == l1_data_misses + l1_fetch_misses - l2_hits + rewalks
struct MmuCounters {
  uint64_t fetch_accesses = 0;  // counted by the run loop
  uint64_t l1_data_misses = 0, l1_fetch_misses = 0, l2_hits = 0, walks = 0, walk_references = 0, faults = 0;
  uint64_t flushes_all = 0, flushes_page = 0;
  uint64_t rewalks = 0;
  uint64_t nested_faults = 0;  // walks that ended in a nested violation or misconfiguration
  std::array<WalkTally, kWalkModes> walks_by_mode{};
  std::array<WalkTally, kAccessKinds> walks_by_kind{};
};

class Mmu {
 public:
  Mmu(CpuState& cpu, PhysicalMemory& memory);
  ~Mmu();

  uint64_t data_accesses = 0;  // counted by the fast path; hits = accesses - misses
  MmuCounters counters;
  uint64_t last_flushed_page = 0;  // by flush_page(): for a monitor that follows what an instruction flushed
  Observer* observer = nullptr;
  CpuTime* time = nullptr;  // charged for walk references and second-level hits, if there

  FastEntry& fast_entry(uint64_t linear) { return current_->at(linear); }

  // One access. Fills TLBs, sets A/D bits, counts misses. `linear` must be canonical (below 4 GiB outside long mode).
  // On success for RAM also fills the fast table of the current view, with a write tag where the page is dirty and
  // holds no code.
  Translation translate(uint64_t linear, AccessKind kind, AccessMode mode);
  // The same for callers that know only user or not: `user` false at CPL 3 is an implicit supervisor access.
  Translation translate(uint64_t linear, AccessKind kind, bool user) { return translate(linear, kind, mode_of(user)); }
  // The same without any side effect: no A/D bits, no fills, no counters (inspectors, debuggers).
  Translation peek(uint64_t linear, AccessKind kind, AccessMode mode) const;
  Translation peek(uint64_t linear, AccessKind kind, bool user) const { return peek(linear, kind, mode_of(user)); }
  // The walk the access would make if no TLB or walk cache knew the page, step by step, without any side effect.
  void peek_walk(uint64_t linear, AccessKind kind, AccessMode mode, WalkResult& out) const;

  // What would spare an access its walk, or part of it, without any side effect.
  enum class TlbLevel : uint8_t { kNone, kFirst, kSecond };
  struct Cached {
    TlbLevel tlb = TlbLevel::kNone;
    unsigned table_level = 0;  // of the lowest table a walk cache knows on the way; 0: none
  };
  Cached peek_cached(uint64_t linear, AccessKind kind) const;

  // The record of the last walk translate() made; after a nested violation or misconfiguration it has the details.
  const WalkResult& last_walk() const { return *walk_; }

  // Empties the TLBs and walk caches. The profile's check() holds. Arrays, walk caches and nested TLB are switched off
  // by leaving them out of the profile.
  void set_tlb_profile(const TlbProfile& profile);
  // CR0, CR3, CR4, EFER, DR7, CPL or AC changed: recomputes paging mode and view. Flushing is the caller's separate
  // decision. Cheap where only CPL or AC changed.
  void update_mode();
  // Translations made from now on belong to this virtual processor (0: none).
  void set_vpid(uint16_t vpid);
  // Whose tables are walked, and whether in one dimension or two. VM entry and exit and the monitor set it; flushing is
  // theirs too, except that other nested tables than last time flush what came from the old ones.
  void set_regime(const TranslationRegime& regime);
  const TranslationRegime& regime() const { return *regime_; }

  // --- flushes, of the current VPID; each also drops the direct pointers concerned, and inner tables from the walk
  // caches
  void flush_all();                                  // including global entries (INVPCID type 2, MOV CR4 changing PGE)
  void flush_non_global();                           // of the current PCID: MOV CR3 with bit 63 clear
  void flush_all_pcids_non_global();                 // INVPCID type 3
  void flush_page(uint64_t linear);                  // INVLPG: of the current PCID, and global
  void flush_page(uint64_t linear, uint16_t pcid);   // INVPCID type 0: of that PCID, not global
  void flush_pcid(uint16_t pcid, bool keep_global);  // INVPCID type 1 keeps global entries
  void flush_nested();  // INVEPT, both types: all that came from nested tables, of any VPID
  // Decoded code now lives on the page at `host_page`: no view may write it directly any more.
  void forbid_fast_writes(const uint8_t* host_page);
  void drop_fast();  // forget all direct pointers (breakpoints changed)
  // Bumped whenever a fetch translation handed out before may no longer be used without asking again: it was flushed or
  // evicted from the first-level instruction TLB, a fault voided it, or the mode, root, PCID or VPID changed. CPL
  // changes do not bump it: callers key on CPL themselves. Evictions of entries not asked for since the last bump do
  // not bump it either. MODEL: without a first-level instruction TLB each asked fetch bumps it, so only a block that
  // loops on itself is counted once.
  uint64_t fetch_generation() const { return fetch_generation_; }
  const TlbSet& tlbs() const { return *tlbs_; }
  const WalkCaches& walk_caches() const { return *caches_; }
  View view() const { return view_; }
  const PagingControls& controls() const { return controls_; }

 private:
  AccessMode mode_of(bool user) const;
  void reload();
  View choose_view() const;
  bool suffices(const TlbEntry& entry, AccessKind kind, AccessRole who) const;
  bool fits_view(AccessMode mode) const;
  Translation unpaged(uint64_t linear, AccessKind kind);
  Translation answer(TlbEntry& entry, uint64_t linear, AccessKind kind, AccessMode mode);
  Translation miss(uint64_t linear, AccessKind kind, AccessMode mode);
  Translation rewalk(uint64_t linear, AccessKind kind, AccessMode mode);
  Translation walk(uint64_t linear, AccessKind kind, AccessMode mode);
  Translation fill_first(const TlbEntry& source, uint64_t linear, AccessKind kind, AccessMode mode);
  void fill_second(const TlbEntry& source, AccessKind kind);
  void retire(const TlbArray& array, unsigned index);
  void remove_from(const TlbSide& side, uint64_t linear);
  void forget_page(uint64_t linear);
  void forget_tables(uint64_t linear);
  uint64_t table_prefix(uint64_t linear, unsigned level) const;
  WalkRequest request(uint64_t linear, AccessKind kind, AccessMode mode) const;
  template <class Condition>
  void remove_where(Condition&& condition);

  CpuState& cpu_;
  PhysicalMemory& memory_;
  View view_ = View::kKernel;
  bool ac_ = false;
  bool paged_ = false;      // linear addresses are translated: paging is on, or nested tables are
  bool fractured_ = false;  // a page may be cached in several pieces: flushing it must search
  uint16_t vpid_ = 0;
  uint32_t tag_ = 0;  // TlbTag of the current PCID and VPID
  uint64_t fetch_generation_ = 1;
  FastTable* current_ = nullptr;  // of view_
  PagingControls controls_;
  PermissionTable permissions_;
  struct {
    uint64_t cr0 = ~0ull, cr3 = 0, cr4 = 0, efer = 0;
  } seen_;  // the registers controls_ was computed from
  std::unique_ptr<TlbSet> tlbs_;
  std::unique_ptr<FastTables> fast_;
  std::unique_ptr<WalkCaches> caches_;
  std::unique_ptr<TranslationRegime> regime_;
  std::unique_ptr<NestedControls> nested_in_caches_;  // the nested tables last used
  std::unique_ptr<WalkResult> walk_;                  // the last walk; kept to avoid building a record per walk
};

}  // namespace ringside::hw
