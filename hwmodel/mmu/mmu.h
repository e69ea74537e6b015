// The CPU's memory management unit: paging mode, TLBs, the fast table, and translation of one access.
// Mechanism only: what a fault means to the guest is decided by the caller. Walks live in walker.h, TLB arrays in tlb.h.
#pragma once

#include <cstdint>
#include <memory>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/fast_table.h"
#include "traces/base/types.h"

namespace ringside::hw {

struct CpuState;
class Observer;
struct TlbProfile;   // mmu/tlb.h: sizes and ways of L1 instruction, L1 data and unified L2
class TlbSet;        // mmu/tlb.h

enum class AccessKind : uint8_t { kRead, kWrite, kFetch };

// The outcome of translating one linear address.
struct Translation {
  bool ok = false;
  GuestPhysical physical;
  uint32_t error_code = 0;   // of the page fault when !ok [SDM 3A 4.7]
};

struct MmuCounters {
  uint64_t fetch_accesses = 0;
  uint64_t l1_data_misses = 0, l1_fetch_misses = 0, l2_hits = 0, walks = 0, walk_references = 0, faults = 0;
  uint64_t flushes_all = 0, flushes_page = 0;
};

class Mmu {
 public:
  Mmu(CpuState& cpu, PhysicalMemory& memory);
  ~Mmu();

  uint64_t data_accesses = 0;   // counted by the fast path; hits = accesses - misses
  MmuCounters counters;
  Observer* observer = nullptr;

  FastEntry& fast_entry(uint64_t linear) { return fast_[static_cast<unsigned>(view_)].at(linear); }

  // One access at privilege `user` (CPL 3 and not a system access). Fills TLBs, sets A/D bits, counts. `linear` must be canonical.
  // On success for RAM without code on the page also fills the fast table for the current view.
  Translation translate(uint64_t linear, AccessKind kind, bool user);
  // The same without any side effect: no A/D bits, no fills, no counters (inspectors, debuggers).
  Translation peek(uint64_t linear, AccessKind kind, bool user) const;

  void set_tlb_profile(const TlbProfile& profile);
  // CR0, CR3, CR4, EFER, CPL or AC changed: recomputes paging mode and view. Flushing is the caller's separate decision.
  void update_mode();
  void flush_all();                          // including global entries
  void flush_non_global();                   // MOV CR3 without PCID, or of the current PCID
  void flush_page(uint64_t linear);          // INVLPG
  void flush_pcid(uint16_t pcid, bool keep_global);
  // Decoded code now lives on the page at `host_page`: no view may write it directly any more.
  void forbid_fast_writes(const uint8_t* host_page);
  void drop_fast();                          // forget all direct pointers (breakpoints changed)
  // Bumped whenever a fetch translation handed out before may have become invalid; the code cache keys on it.
  uint64_t fetch_generation() const { return fetch_generation_; }
  const TlbSet& tlbs() const { return *tlbs_; }

 private:
  friend class MmuFill;
  CpuState& cpu_;
  PhysicalMemory& memory_;
  View view_ = View::kKernel;
  uint64_t fetch_generation_ = 1;
  std::unique_ptr<TlbSet> tlbs_;
  std::unique_ptr<FastTable[]> fast_;
};

}  // namespace ringside::hw
