// The page walker: from a linear address and a root to a WalkResult with every reference made, in any mode: the guest's
// own tables, shadow tables, two dimensions, or agile (shadow above, two dimensions below). It keeps no state; TLBs and
// the decision to walk are the MMU's.
//
//   native, shadow   root -> entry -> ... -> page
//   nested           each guest entry's address, and the page's, goes through the nested tables first
//   agile            shadow root -> shadow entry -> ... -> switching entry -> guest entry -> (nested) guest entry ->
//   ... -> (nested) page
#pragma once

#include <cstdint>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/accessed_dirty.h"
#include "hwmodel/mmu/nested_memory.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/walk_cache.h"
#include "hwmodel/mmu/walk_result.h"

namespace ringside::hw {

// Where a walk begins.
enum class WalkStart : uint8_t {
  kCr3,           // at CR3: in the machine's memory, or guest-physical where nested tables are on
  kShadowRoot,    // at the shadow root: all the way in one dimension (shadow paging), else until an entry switches (agile)
  kSwitchedRoot,  // agile: the shadow root register itself switches and points to the guest's top table on the
                  // machine's bus
};

// Everything about a walk that stays the same from access to access, besides the paging controls.
struct TranslationRegime {
  TableKind table = TableKind::kGuest;   // whose tables CR3 points to: kShadow where the monitor shadows them
  TableShape shape = TableShape::kTree;  // of the tables at CR3: kTree, or kFlattened with 4-level entries
  WalkStart start = WalkStart::kCr3;
  uint64_t shadow_root = 0;  // shadow and agile; the mode is 4-level or 5-level paging
  // The real CR0.WP is set whatever the guest's is: read-only entries of the tables walked bind the supervisor too.
  // Shadow tables need it, because they are read-only where the monitor wants to see writes.
  bool force_write_protect = false;
  bool two_dimensional = false;
  NestedControls nested;  // where two_dimensional

  friend bool operator==(const TranslationRegime&, const TranslationRegime&) = default;
};

constexpr WalkMode walk_mode(const TranslationRegime& regime) {
  if (regime.start == WalkStart::kCr3 && regime.table == TableKind::kGuest)
    return regime.two_dimensional ? WalkMode::kNested : WalkMode::kNative;
  return regime.two_dimensional ? WalkMode::kAgile : WalkMode::kShadow;
}

struct WalkRequest {
  uint64_t linear = 0;
  AccessKind kind = AccessKind::kRead;
  AccessRole who = AccessRole::kSupervisor;
  PagingControls controls;
  uint64_t cr3 = 0;
  FlagUpdate flags = FlagUpdate::kWrite;
  TranslationRegime regime;
  WalkCaches* caches = nullptr;  // not used and not filled by peeks
  TlbTag tag = 0;                // of the entries in the caches
};

// With paging off linear addresses are guest-physical. When the walk does not translate, no flag of the guest's or
// shadow tables is written. Writes only accessed and dirty flags, only into RAM. MODEL: a walk that used a cached entry
// and did not translate is made again without caches, and only that one is recorded: no fault comes from a stale cache.
// Hardware may raise one; software has to expect it but must not rely on it.
void walk(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out);

}  // namespace ringside::hw
