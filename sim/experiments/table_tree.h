// Page tables of an experiment, built in modelled memory: pages mapped in any paging mode, in nested tables, or in the
// flattened forms of both. It builds; walking is the MMU's. Called by walk_world.h.
#pragma once

#include <cstdint>

#include "hwmodel/machine/memory.h"
#include "hwmodel/mmu/nested_memory.h"
#include "hwmodel/mmu/paging_mode.h"

namespace ringside::sim {

// The shape of a tree, enough to build it in any entry format of the MMU.
struct TreeShape {
  hw::PagingMode mode = hw::PagingMode::kFourLevel;  // of guest and shadow tables
  hw::TableShape table = hw::TableShape::kTree;
  unsigned levels = 4;
  unsigned entry_bytes = 8;
  unsigned index_bits = 9;
  uint64_t table_bytes = 4096;
  uint64_t inner_bits = 0;  // of entries that lead to a table
  uint64_t leaf_bits = 0;   // of entries that map a page
};

TreeShape guest_tree(hw::PagingMode mode);
TreeShape flattened_guest_tree();
TreeShape nested_tree(unsigned levels);
TreeShape flattened_nested_tree();
TreeShape array_nested_tree(uint64_t guest_bytes);  // one level, an entry for each page

class TableTree {
 public:
  // Tables are allocated upwards from `next_table`, which trees of one memory share. `base`: where address 0 of the
  // tables' own address space lies in the machine's memory. All of them lie inside `memory`.
  TableTree(hw::PhysicalMemory& memory, const TreeShape& shape, uint64_t& next_table, uint64_t base);

  uint64_t root() const { return root_; }
  const TreeShape& shape() const { return shape_; }
  uint64_t page_bytes(unsigned level) const { return uint64_t{1} << shift(level); }
  // Maps the page of `address` at `level` (1: the smallest) to `frame`, with the tables above it.
  void map(uint64_t address, unsigned level, uint64_t frame);
  // Of the entry of `address` at `level`; makes the tables above it.
  uint64_t entry_address(uint64_t address, unsigned level);
  void store(uint64_t entry, uint64_t word);

 private:
  unsigned shift(unsigned level) const { return 12 + shape_.index_bits * (level - 1); }
  uint64_t index(uint64_t address, unsigned level) const;
  uint64_t load(uint64_t entry) const;
  uint8_t* host(uint64_t address) const;
  uint64_t allocate();

  hw::PhysicalMemory& memory_;
  TreeShape shape_;
  uint64_t& next_;
  uint64_t base_, root_;
};

}  // namespace ringside::sim
