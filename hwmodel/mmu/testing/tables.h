// Page tables for tests: a machine with some RAM, and a builder that maps pages in any paging mode with chosen entry
// bits. Only tests and benchmarks include it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
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

// The shape of a table tree: enough to build it in any format of entry/.
struct TreeShape {
  PagingMode mode = PagingMode::kFourLevel;  // of guest tables
  unsigned levels = 0;
  unsigned entry_size = 8;  // in bytes
  unsigned index_bits = 9;
  uint64_t present = bit::kP;  // any of these: the entry leads somewhere
  uint64_t table_bytes = 4096;
};
inline TreeShape shape_of(PagingMode mode) {
  switch (mode) {
    case PagingMode::kOff:
      return {.mode = mode};
    case PagingMode::kLegacy32:
      return {.mode = mode, .levels = 2, .entry_size = 4, .index_bits = 10};
    case PagingMode::kPae:
      return {.mode = mode, .levels = 3};
    case PagingMode::kFourLevel:
      return {.mode = mode, .levels = 4};
    case PagingMode::kFiveLevel:
      return {.mode = mode, .levels = 5};
  }
  return {};
}
inline TreeShape flattened_shape() { return {.levels = 2, .index_bits = 18, .table_bytes = 8 << 18}; }
inline TreeShape ept_shape(unsigned levels) { return {.levels = levels, .present = 7}; }
inline TreeShape flattened_ept_shape() { return {.levels = 2, .index_bits = 18, .present = 7, .table_bytes = 8 << 18}; }
inline TreeShape array_ept_shape(uint64_t bytes) {
  return {.levels = 1, .index_bits = 36, .present = 7, .table_bytes = bytes >> 12 << 3};
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

// Tables of one address space, allocated upwards from `next_table`. `base` is where address 0 of the tables' own
// address space lies in the machine's memory: 0 for machine addresses, the guest's RAM for guest-physical ones.
class TableBuilder {
 public:
  TableBuilder(PhysicalMemory& memory, const TreeShape& shape, uint64_t& next_table, uint64_t base = 0)
      : memory_(memory), shape_(shape), next_(next_table), base_(base) {
    root_ = allocate();
  }
  TableBuilder(PhysicalMemory& memory, PagingMode mode, uint64_t& next_table, uint64_t base = 0)
      : TableBuilder(memory, shape_of(mode), next_table, base) {}
  uint64_t root() const { return root_; }
  const TreeShape& shape() const { return shape_; }
  unsigned shift(unsigned level) const { return 12 + shape_.index_bits * (level - 1); }

  // Address of the entry of `linear` at `level` (1: page table); creates the tables above it with `table_bits`.
  uint64_t entry_address(uint64_t linear, unsigned level, uint64_t table_bits) {
    uint64_t table = root_;
    for (unsigned at = shape_.levels;; --at) {
      const uint64_t entry = table + index(linear, at) * shape_.entry_size;
      if (at == level) return entry;
      uint64_t word = load(entry);
      if (!(word & shape_.present)) {
        const bool pae_pointer = shape_.mode == PagingMode::kPae && at == 3;
        word = allocate() | (pae_pointer ? bit::kP : table_bits);
        store(entry, word);
      }
      table = word & 0x000ffffffffff000ull;
    }
  }
  // Maps the page of `linear` at `level` to `frame` with `leaf_bits`; new upper entries get P, RW, US and A (in EPT: R,
  // W, X).
  uint64_t map(uint64_t linear, unsigned level, uint64_t frame, uint64_t leaf_bits) {
    const bool ept = shape_.present != bit::kP;
    const uint64_t entry = entry_address(linear, level, ept ? 7 : bit::kP | bit::kRw | bit::kUs | bit::kA);
    store(entry, frame | leaf_bits | (level > 1 ? bit::kPs : 0));
    return entry;
  }
  uint64_t load(uint64_t entry) const {
    uint64_t word = 0;
    std::memcpy(&word, host(entry), shape_.entry_size);
    return word;
  }
  void store(uint64_t entry, uint64_t word) { std::memcpy(host(entry), &word, shape_.entry_size); }

 private:
  uint8_t* host(uint64_t address) const { return memory_.host(GuestPhysical(base_ + address)); }
  uint64_t index(uint64_t linear, unsigned level) const {
    const uint64_t all = linear >> shift(level);
    return all & (shape_.mode == PagingMode::kPae && level == 3 ? 3 : (uint64_t{1} << shape_.index_bits) - 1);
  }
  uint64_t allocate() {
    const uint64_t align = std::max<uint64_t>(std::bit_ceil(shape_.table_bytes), 4096);
    next_ = (next_ + align - 1) & ~(align - 1);
    const uint64_t table = next_;
    next_ += align;
    std::memset(host(table), 0, shape_.table_bytes);
    return table;
  }
  PhysicalMemory& memory_;
  TreeShape shape_;
  uint64_t& next_;
  uint64_t base_ = 0, root_ = 0;
};

}  // namespace ringside::hw::testing
