// The dimension below a guest's tables: guest-physical addresses translated through the monitor's nested tables (EPT,
// or a flattened form of them). The walker asks it for each entry of the guest's tables and for the page at the end.
#pragma once

#include <cstdint>

#include "hwmodel/mmu/accessed_dirty.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/walk_cache.h"
#include "hwmodel/mmu/walk_table.h"

namespace ringside::hw {

// How a table is laid out; the entries mean the same in each.
enum class TableShape : uint8_t {
  kTree,       // as the processor has it
  kFlattened,  // two levels of 18 index bits (entry/flattened.h)
  kArray,      // one level; nested tables only
};

struct NestedControls {
  uint64_t root = 0;  // machine-physical address of the top table
  TableShape shape = TableShape::kTree;
  uint8_t levels = 4;           // of a tree: 4 or 5
  bool accessed_dirty = false;  // the entries have accessed and dirty flags, and reads of guest tables count as writes
  uint64_t array_bytes = 0;     // of an array: guest-physical addresses from here on have no entry

  friend bool operator==(const NestedControls&, const NestedControls&) = default;
};

// From an EPT pointer [SDM 3C table 25-9]: 2:0 memory type, 5:3 levels - 1, 6 accessed and dirty flags, 51:12 root.
constexpr NestedControls nested_controls(uint64_t ept_pointer) {
  NestedControls controls;
  controls.root = ept_pointer & bit_range(kPhysicalAddressBits - 1, 12);
  controls.levels = static_cast<uint8_t>((ept_pointer >> 3 & 7) + 1);
  controls.accessed_dirty = (ept_pointer >> 6 & 1) != 0;
  return controls;
}

// Exit qualification of an EPT violation [SDM 3C table 28-7]. Bits 5:3 are the rights the entries gave.
namespace ept_violation {
constexpr uint64_t kRead = 1 << 0, kWrite = 1 << 1, kFetch = 1 << 2, kReadable = 1 << 3, kWritable = 1 << 4,
                   kExecutable = 1 << 5, kLinearValid = 1 << 7,
                   kFinal = 1 << 8;  // kFinal: the page itself, not a table on the way to it
}

class NestedMemory {
 public:
  // Records into `out`. `caches` may be null. `memory`, `caches` and `out` outlive it.
  NestedMemory(PhysicalMemory& memory, const NestedControls& controls, FlagUpdate flags, WalkCaches* caches,
               WalkResult& out)
      : memory_(memory), controls_(controls), flags_(flags), caches_(caches), out_(out) {}

  // The next table asked for at `level` is known to lie at its machine address already (walk cache, agile switch).
  void know_table(unsigned level, Rights below) {
    known_level_ = level;
    known_below_ = below;
  }
  // Of a guest table's entry, as the walk's dimension below. When it fails, `out.outcome` says how.
  EntryPlace locate(uint64_t guest_physical, unsigned level);

  struct Page {
    bool ok = false;
    uint64_t bus = 0;   // of the byte asked for
    uint8_t shift = 0;  // of the page that maps it
    Rights rights = 0;
    bool dirty = false;
  };
  // Of the access itself.
  Page translate(uint64_t guest_physical, AccessKind kind);
  // The guest-table entry there needs a flag written and its page is not writable: a violation.
  void forbid_flag_update(uint64_t guest_physical, Rights below);

 private:
  struct Want {
    bool read, write, fetch;
    unsigned serves;  // see WalkStep
  };
  Page resolve(uint64_t guest_physical, Want want);
  template <class Format>
  Page walk(const Format& format, unsigned levels, uint64_t guest_physical, Want want);
  void violation(uint64_t guest_physical, Want want, Rights rights);

  PhysicalMemory& memory_;
  const NestedControls& controls_;
  FlagUpdate flags_;
  WalkCaches* caches_;
  WalkResult& out_;
  unsigned known_level_ = 0;
  Rights known_below_ = 0;
};

}  // namespace ringside::hw
