// Flattened tables, a proposal for shorter walks (Park et al., ASPLOS 2022): the entries mean what they mean in the
// tree they replace, but one table indexes several levels' worth of address bits. No processor has them.
//   two levels   18 bits each (tables of 2 MiB)      47 ... 30 29 ... 12
//   one level    an array, one entry for each page; how many there are is said with the root
// Pages are 4 KiB throughout.
#pragma once

#include <cstdint>

#include "hwmodel/mmu/address_width.h"

namespace ringside::hw {

template <class Base, unsigned kLevels>
class Flattened : public Base {
 public:
  using typename Base::Word;
  static constexpr unsigned kIndexBits = 36 / kLevels;

  // Addresses from `limit` on have no entry.
  template <class Controls>
  constexpr explicit Flattened(const Controls& controls, uint64_t limit = bit_range(47, 0) + 1)
      : Base(controls), limit_(limit) {}

  static constexpr unsigned shift(unsigned level) { return 12 + kIndexBits * (level - 1); }
  static constexpr uint64_t slot(uint64_t table, uint64_t address, unsigned level) {
    return table + ((address >> shift(level)) & bit_range(kIndexBits - 1, 0)) * sizeof(Word);
  }
  constexpr bool covers(uint64_t address) const { return (address & bit_range(47, 0)) < limit_; }
  static constexpr bool leaf(Word, unsigned level) { return level == 1; }
  // The upper of two levels obeys the rules of the tree's top level: no large pages there.
  constexpr bool malformed(Word e, unsigned level, bool leaf) const {
    return Base::malformed(e, level == 1 ? 1 : 4, leaf);
  }
  static constexpr Word page(Word e, unsigned /*level*/) { return Base::page(e, 1); }

 private:
  uint64_t limit_;
};

}  // namespace ringside::hw
