// Page tables for tests: a machine with some RAM, and a builder that maps pages in any paging mode with chosen entry
// bits. Only tests and benchmarks include it.
#pragma once

#include <cstdint>
#include <utility>

#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/paging_mode.h"

namespace ringside::hw::testing {

inline PhysicalMemory make_memory(uint64_t size) {
  auto memory = PhysicalMemory::create(size);
  return std::move(memory.value());
}

// Entry bits common to all formats.
namespace bit {
constexpr uint64_t kP = 1, kRw = 2, kUs = 4, kA = 0x20, kD = 0x40, kPs = 0x80, kG = 0x100, kNx = uint64_t{1} << 63;
}

struct ModeShape {
  PagingMode mode;
  unsigned levels;      // of tables
  unsigned entry_size;  // in bytes
  unsigned index_bits;
};
inline ModeShape shape_of(PagingMode mode) {
  switch (mode) {
    case PagingMode::kOff:
      return {mode, 0, 0, 0};
    case PagingMode::kLegacy32:
      return {mode, 2, 4, 10};
    case PagingMode::kPae:
      return {mode, 3, 8, 9};
    case PagingMode::kFourLevel:
      return {mode, 4, 8, 9};
    case PagingMode::kFiveLevel:
      return {mode, 5, 8, 9};
  }
  return {};
}

// Puts the mode's control bits into a CPU.
inline void enter(CpuState& cpu, PagingMode mode) {
  cpu.cr0 |= cr0::kPe | cr0::kPg;
  cpu.cr4 &= ~(cr4::kPae | cr4::kLa57);
  cpu.efer &= ~(efer::kLma | efer::kLme);
  if (mode == PagingMode::kLegacy32)
    cpu.cr4 |= cr4::kPse;
  else
    cpu.cr4 |= cr4::kPae;
  if (mode == PagingMode::kFourLevel || mode == PagingMode::kFiveLevel) cpu.efer |= efer::kLme | efer::kLma;
  if (mode == PagingMode::kFiveLevel) cpu.cr4 |= cr4::kLa57;
}

// Tables of one address space, allocated upwards from `next_table`.
class TableBuilder {
 public:
  TableBuilder(PhysicalMemory& memory, PagingMode mode, uint64_t& next_table)
      : memory_(memory), shape_(shape_of(mode)), next_(next_table) {
    root_ = allocate();
  }
  uint64_t root() const { return root_; }
  const ModeShape& shape() const { return shape_; }

  // Physical address of the entry of `linear` at `level` (1: page table); creates the tables above it with
  // `table_bits`.
  uint64_t entry_address(uint64_t linear, unsigned level, uint64_t table_bits) {
    uint64_t table = root_;
    for (unsigned at = shape_.levels;; --at) {
      const uint64_t entry = table + index(linear, at) * shape_.entry_size;
      if (at == level) return entry;
      uint64_t word = load(entry);
      if (!(word & bit::kP)) {
        const bool pae_pointer = shape_.mode == PagingMode::kPae && at == 3;
        word = allocate() | (pae_pointer ? bit::kP : table_bits);
        store(entry, word);
      }
      table = word & 0x000ffffffffff000ull;
    }
  }
  // Maps the page of `linear` at `level` to `frame` with `leaf_bits`; upper entries get P, RW, US and A.
  uint64_t map(uint64_t linear, unsigned level, uint64_t frame, uint64_t leaf_bits) {
    const uint64_t entry = entry_address(linear, level, bit::kP | bit::kRw | bit::kUs | bit::kA);
    store(entry, frame | leaf_bits | (level > 1 ? bit::kPs : 0));
    return entry;
  }
  uint64_t load(uint64_t entry) const {
    uint64_t word = 0;
    std::memcpy(&word, memory_.host(GuestPhysical(entry)), shape_.entry_size);
    return word;
  }
  void store(uint64_t entry, uint64_t word) {
    std::memcpy(memory_.host(GuestPhysical(entry)), &word, shape_.entry_size);
  }

 private:
  uint64_t index(uint64_t linear, unsigned level) const {
    const uint64_t all = linear >> (12 + shape_.index_bits * (level - 1));
    return all & (shape_.mode == PagingMode::kPae && level == 3 ? 3 : (1u << shape_.index_bits) - 1);
  }
  uint64_t allocate() {
    const uint64_t table = next_;
    next_ += 4096;
    std::memset(memory_.host(GuestPhysical(table)), 0, 4096);
    return table;
  }
  PhysicalMemory& memory_;
  ModeShape shape_;
  uint64_t& next_;
  uint64_t root_ = 0;
};

}  // namespace ringside::hw::testing
