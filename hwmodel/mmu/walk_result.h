// The record of one page walk: every reference to a table in order, and how the walk ended. Tracer, lessons and
// inspectors read it; the MMU fills its TLBs from it.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>

#include "hwmodel/mmu/access_mode.h"
#include "hwmodel/mmu/rights.h"
#include "hwmodel/mmu/walk_outcome.h"
#include "traces/base/types.h"

namespace ringside::hw {

// One reference to one entry.
struct WalkStep {
  HostPhysical address;  // of the entry, on the machine's bus
  uint64_t entry = 0;    // as read, before flags were set
  TableKind table = TableKind::kGuest;
  uint8_t level = 0;          // 5 or 4 at the top of long-mode tables, 1: the entry of a 4 KiB page
  uint8_t serves = 0;         // of a nested step: level of the guest table being located, 0 for the page itself
  bool set_accessed = false;  // this walk wrote the accessed flag
  bool set_dirty = false;     // ... the dirty flag
};
static_assert(sizeof(WalkStep) == 24);

struct WalkResult {
  // The deepest walk possible is 5 x 5 levels: (5 + 1) * (5 + 1) - 1 references [figures: page_walk_refs_exact].
  static constexpr unsigned kMaxSteps = 40;
  static_assert(kMaxSteps >= 6 * 6 - 1);

  GuestVirtual linear;
  AccessKind kind = AccessKind::kRead;
  AccessRole who = AccessRole::kSupervisor;
  WalkMode mode = WalkMode::kNative;
  WalkOutcome outcome = WalkOutcome::kTranslated;
  Rights rights = 0;  // accumulated over all steps
  bool global = false;
  bool dirty = false;        // writes need no further flag update
  uint8_t page_shift = 0;    // of the guest's page: 12, 21, 22 (4 MiB) or 30
  uint8_t mapped_shift = 0;  // of the piece all dimensions map in one: at most page_shift
  uint8_t step_count = 0;
  uint8_t cached_levels = 0;                  // upper levels skipped because a walk cache knew the table below them
  uint8_t nested_tlb_hits = 0;                // guest tables whose place the nested TLB knew
  uint8_t nested_table_hits = 0;              // nested walks that a walk cache shortened
  TableKind fault_table = TableKind::kGuest;  // whose entries made the page fault (agile walks read two kinds)
  uint32_t error_code = 0;
  uint64_t cycles = 0;           // charged for the walk; 0 where time is not modelled in detail
  uint64_t qualification = 0;    // of a nested violation [SDM 3C table 28-7]
  GuestPhysical guest_physical;  // of the access (of the table entry where a nested walk stopped on the way)
  HostPhysical physical;         // where the access goes on the machine's bus
  std::array<WalkStep, kMaxSteps> steps;

  unsigned references() const { return step_count; }
  // Makes the record ready for another walk; old steps are not wiped.
  void start(uint64_t address, AccessKind access, AccessRole role) {
    linear = GuestVirtual(address);
    kind = access;
    who = role;
    outcome = WalkOutcome::kTranslated;
    rights = rights::kAll;
    global = dirty = false;
    page_shift = mapped_shift = cached_levels = nested_tlb_hits = nested_table_hits = 0;
    fault_table = TableKind::kGuest;
    step_count = 0;
    error_code = 0;
    qualification = cycles = 0;
    guest_physical = GuestPhysical(0);
    physical = HostPhysical(0);
  }
  WalkStep& add_step() {
    assert(step_count < kMaxSteps);
    return steps[step_count++] = WalkStep{};
  }
};

}  // namespace ringside::hw
