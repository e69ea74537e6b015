// The one walk: descends one table of any entry format, asking the dimension below where each entry lies, and records
// every step. What the entry found allows, and the flags it gets, are other files (fault.h, accessed_dirty.h).
// Called by the walker (walker.h) and by the dimension below itself (nested_memory.h).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/walk_result.h"

namespace ringside::hw {

constexpr unsigned kMaxLevels = 5;

// Where an entry lies once the dimension below has spoken.
struct EntryPlace {
  bool ok = true;
  HostPhysical bus;
  uint8_t* host = nullptr;         // null: not RAM
  Rights below = rights::kNested;  // what the dimension below allows on the entry's page
};

// The dimension below of a table that lies in the machine's own memory: nothing.
class MachineMemory {
 public:
  explicit MachineMemory(PhysicalMemory& memory) : memory_(memory) {}
  EntryPlace locate(uint64_t address, unsigned /*level*/) {
    return {true, HostPhysical(address), memory_.host(GuestPhysical(address))};
  }

 private:
  PhysicalMemory& memory_;
};

// The entries of one descent, kept so that their flags can be set once the access is known to be allowed, and inner
// tables remembered by walk caches.
struct WalkPath {
  struct Entry {
    uint8_t* host;
    uint64_t word;
    uint64_t address;  // in the table's own dimension
    HostPhysical bus;
    uint8_t level, step;
    TableKind kind;
    Rights above;  // accumulated before this entry
    Rights below;  // of its page in the dimension below
  };
  std::array<Entry, kMaxLevels> entry;
  unsigned depth = 0;
};

// Where a descent starts: a root, or an inner table that a walk cache remembers (with the rights on the way to it).
struct TableCursor {
  uint64_t table = 0;
  uint8_t level = 0;
  Rights rights = rights::kAll;
};

enum class Descent : uint8_t { kLeaf, kNotPresent, kMalformed, kStoppedBelow };

// What the leaf says, with the rights of all entries above it.
struct Leaf {
  uint64_t page = 0;
  uint64_t word = 0;
  uint8_t level = 0;
  Rights rights = rights::kAll;
};

// A table entry outside RAM reads as all ones, as any unclaimed address of the bus does; every format but 32-bit paging
// finds reserved bits in that.
template <class Word>
Word read_entry(const uint8_t* host) {
  if (!host) return static_cast<Word>(~Word{0});
  Word word;
  std::memcpy(&word, host, sizeof word);  // entries are aligned, so they never straddle pages
  return word;
}

// Appends to `out.steps` and `path`. `serves`: see WalkStep.
template <class Format, class Below>
Descent descend(const Format& format, Below& below, TableKind kind, unsigned serves, TableCursor cursor,
                uint64_t address, WalkResult& out, WalkPath& path, Leaf& leaf) {
  if constexpr (requires { format.covers(address); }) {
    if (!format.covers(address)) return Descent::kNotPresent;
  }
  for (;;) {
    const uint64_t slot = format.slot(cursor.table, address, cursor.level);
    const EntryPlace place = below.locate(slot, cursor.level);
    if (!place.ok) return Descent::kStoppedBelow;
    const auto word = read_entry<typename Format::Word>(place.host);
    WalkStep& step = out.add_step();
    step.address = place.bus;
    step.entry = word;
    step.table = kind;
    step.level = cursor.level;
    step.serves = static_cast<uint8_t>(serves);
    path.entry[path.depth++] = {.host = place.host,
                                .word = word,
                                .address = slot,
                                .bus = place.bus,
                                .level = cursor.level,
                                .step = static_cast<uint8_t>(out.step_count - 1),
                                .kind = kind,
                                .above = cursor.rights,
                                .below = place.below};
    if (!format.present(word)) return Descent::kNotPresent;
    const bool is_leaf = format.leaf(word, cursor.level);
    if (format.malformed(word, cursor.level, is_leaf)) return Descent::kMalformed;
    cursor.rights &= format.rights(word, cursor.level);
    if (is_leaf) {
      leaf = {format.page(word, cursor.level), word, cursor.level, cursor.rights};
      return Descent::kLeaf;
    }
    cursor.table = format.table(word);
    --cursor.level;
  }
}

}  // namespace ringside::hw
