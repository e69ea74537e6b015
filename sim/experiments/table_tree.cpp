#include "sim/experiments/table_tree.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace ringside::sim {
namespace {

// Present, writable, user [SDM 3A 4.5]; nested: read, write, execute, and write-back in leaves [SDM 3C 28.3.2].
constexpr uint64_t kGuestEntry = 0x7, kLarge = 0x80, kNestedEntry = 0x7, kNestedLeaf = 0x7 | 6 << 3;
constexpr uint64_t kFrame = 0x000ffffffffff000;
constexpr unsigned kFlattenedBits = 18;

}  // namespace

TreeShape guest_tree(hw::PagingMode mode) {
  TreeShape shape{.mode = mode, .inner_bits = kGuestEntry, .leaf_bits = kGuestEntry};
  switch (mode) {
    case hw::PagingMode::kOff: shape.levels = 0; break;
    case hw::PagingMode::kLegacy32: shape.levels = 2; shape.entry_bytes = 4; shape.index_bits = 10; break;
    case hw::PagingMode::kPae: shape.levels = 3; break;
    case hw::PagingMode::kFourLevel: shape.levels = 4; break;
    case hw::PagingMode::kFiveLevel: shape.levels = 5; break;
  }
  return shape;
}

TreeShape flattened_guest_tree() {
  return {.table = hw::TableShape::kFlattened, .levels = 2, .index_bits = kFlattenedBits,
          .table_bytes = uint64_t{8} << kFlattenedBits, .inner_bits = kGuestEntry, .leaf_bits = kGuestEntry};
}

TreeShape nested_tree(unsigned levels) {
  return {.levels = levels, .inner_bits = kNestedEntry, .leaf_bits = kNestedLeaf};
}

TreeShape flattened_nested_tree() {
  return {.table = hw::TableShape::kFlattened, .levels = 2, .index_bits = kFlattenedBits,
          .table_bytes = uint64_t{8} << kFlattenedBits, .inner_bits = kNestedEntry, .leaf_bits = kNestedLeaf};
}

TreeShape array_nested_tree(uint64_t guest_bytes) {
  return {.table = hw::TableShape::kArray, .levels = 1, .index_bits = 36, .table_bytes = (guest_bytes >> 12) * 8,
          .inner_bits = kNestedEntry, .leaf_bits = kNestedLeaf};
}

TableTree::TableTree(hw::PhysicalMemory& memory, const TreeShape& shape, uint64_t& next_table, uint64_t base)
    : memory_(memory), shape_(shape), next_(next_table), base_(base), root_(allocate()) {}

uint64_t TableTree::entry_address(uint64_t address, unsigned level) {
  uint64_t table = root_;
  for (unsigned at = shape_.levels;; --at) {
    const uint64_t entry = table + index(address, at) * shape_.entry_bytes;
    if (at == level) return entry;
    uint64_t word = load(entry);
    if (!word) {
      // The four pointers of PAE have a present bit and no rights [SDM 3A 4.4.1 "PDPTE Registers"].
      const bool pae_pointer = shape_.mode == hw::PagingMode::kPae && at == 3;
      word = allocate() | (pae_pointer ? 1 : shape_.inner_bits);
      store(entry, word);
    }
    table = word & kFrame;
  }
}

void TableTree::map(uint64_t address, unsigned level, uint64_t frame) {
  store(entry_address(address, level), frame | shape_.leaf_bits | (level > 1 ? kLarge : 0));
}

void TableTree::store(uint64_t entry, uint64_t word) { std::memcpy(host(entry), &word, shape_.entry_bytes); }

uint64_t TableTree::load(uint64_t entry) const {
  uint64_t word = 0;
  std::memcpy(&word, host(entry), shape_.entry_bytes);
  return word;
}

uint64_t TableTree::index(uint64_t address, unsigned level) const {
  const bool pae_top = shape_.mode == hw::PagingMode::kPae && level == 3;
  return address >> shift(level) & (pae_top ? 3 : (uint64_t{1} << shape_.index_bits) - 1);
}

uint8_t* TableTree::host(uint64_t address) const {
  uint8_t* at = memory_.host(GuestPhysical(base_ + address));
  assert(at);
  return at;
}

uint64_t TableTree::allocate() {
  const uint64_t align = std::max<uint64_t>(std::bit_ceil(shape_.table_bytes), kPageSize);
  next_ = (next_ + align - 1) & ~(align - 1);
  const uint64_t table = next_;
  next_ += align;
  assert(memory_.contains(GuestPhysical(base_ + table), shape_.table_bytes));
  return table;
}

}  // namespace ringside::sim
