// Accessed and dirty flags: written into the entries of a descent once its access is known to be allowed.
// MODEL: nothing is written when the access faults; the manual leaves open whether upper entries then count as accessed
// [SDM 3A 4.8 "Accessed and Dirty Flags"], and one answer for all techniques keeps them comparable.
#pragma once

#include <cstring>

#include "hwmodel/mmu/walk_table.h"

namespace ringside::hw {

enum class FlagUpdate : uint8_t { kWrite, kLeave };  // kLeave: peeks

// Bits the entry lacks. The last entry of the path is the leaf; only it has a dirty flag.
template <class Format>
typename Format::Word missing_flags(const Format& format, const WalkPath& path, unsigned i, AccessKind kind) {
  const auto& e = path.entry[i];
  typename Format::Word wanted = format.accessed(e.level);
  if (i + 1 == path.depth && kind == AccessKind::kWrite) wanted |= format.dirty();
  return wanted & ~static_cast<typename Format::Word>(e.word);
}

template <class Format>
void mark_accessed_dirty(const Format& format, const WalkPath& path, AccessKind kind, WalkResult& out) {
  for (unsigned i = 0; i < path.depth; ++i) {
    const auto missing = missing_flags(format, path, i, kind);
    if (!missing) continue;
    const auto& e = path.entry[i];
    const auto word = static_cast<typename Format::Word>(e.word | missing);
    if (e.host) std::memcpy(e.host, &word, sizeof word);
    out.steps[e.step].set_accessed = (missing & format.accessed(e.level)) != 0;
    out.steps[e.step].set_dirty = (missing & format.dirty()) != 0;
  }
}

}  // namespace ringside::hw
