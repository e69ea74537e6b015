// Entry format of 4-level and 5-level paging (long mode): 512 eight-byte entries a table; 4 KiB, 2 MiB and 1 GiB pages.
//
//   linear 56    48 47    39 38    30 29    21 20    12 11     0
//          [level 5][level 4][level 3][level 2][level 1][offset]
//          PML5E    PML4E    PDPTE    PDE      PTE
//
//   entry  63 62....52 51..M  M-1 ........ 12  11..9  8 7  6 5 4   3   2   1   0
//          XD ignored  zero   frame / table    ignored G PS D A PCD PWT U/S R/W P    (M = MAXPHYADDR)
//   PS (bit 7) must be 0 at levels 5 and 4, makes a page at 3 and 2, and is PAT at 1. Below the frame of a large page
//   bit 12 is PAT and the rest must be 0.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/rights.h"

namespace ringside::hw {

class Long64Format {
 public:
  using Word = uint64_t;
  static constexpr Word kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2, kAccessed = 1 << 5, kDirty = 1 << 6,
                        kLarge = 1 << 7, kGlobal = 1 << 8, kNoExecute = Word{1} << 63;
  static constexpr Word kFrame = bit_range(kPhysicalAddressBits - 1, 12);
  // Reserved in every entry [SDM 3A tables 4-15 to 4-20].
  static constexpr Word kReserved = kPhysicalAddressBits < 52 ? bit_range(51, kPhysicalAddressBits) : 0;

  constexpr explicit Long64Format(const PagingControls& controls)
      : always_reserved_(kReserved | (controls.no_execute ? 0 : kNoExecute)), global_pages_(controls.global_pages) {}

  static constexpr uint64_t root(uint64_t cr3) { return cr3 & kFrame; }
  static constexpr unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
  static constexpr uint64_t slot(uint64_t table, uint64_t linear, unsigned level) {
    return table + ((linear >> shift(level)) & 511) * sizeof(Word);
  }
  static constexpr bool present(Word e) { return e & kPresent; }
  static constexpr bool leaf(Word e, unsigned level) { return level == 1 || (level <= 3 && (e & kLarge)); }
  constexpr bool malformed(Word e, unsigned level, bool leaf) const {
    return e & (always_reserved_ | (leaf ? kLeafReserved[level] : level >= 4 ? kLarge : 0));
  }
  static constexpr Rights rights(Word e, unsigned /*level*/) {
    return static_cast<Rights>(rights::kNested | (e & kWritable ? rights::kWrite : 0) |
                               (e & kUser ? rights::kUser : 0) | (e & kNoExecute ? 0 : rights::kExecute));
  }
  static constexpr uint64_t table(Word e) { return e & kFrame; }
  static constexpr uint64_t page(Word e, unsigned level) { return e & kFrame & ~bit_range(shift(level) - 1, 0); }
  static constexpr Word accessed(unsigned /*level*/) { return kAccessed; }
  static constexpr Word dirty() { return kDirty; }
  constexpr bool global(Word e) const { return global_pages_ && (e & kGlobal); }

 private:
  static constexpr std::array<Word, 4> kLeafReserved = {0, 0, bit_range(20, 13), bit_range(29, 13)};  // by level
  Word always_reserved_;
  bool global_pages_;
};

static_assert(Long64Format::kReserved == 0x000fff0000000000);
static_assert(Long64Format::shift(5) == 48 && Long64Format::shift(4) == 39 && Long64Format::shift(3) == 30 &&
              Long64Format::shift(1) == 12);
static_assert(Long64Format::slot(0x1000, ~uint64_t{0}, 4) == 0x1ff8 &&
              Long64Format::slot(0x1000, uint64_t{1} << 30, 3) == 0x1008);
static_assert(Long64Format::page(0x8000'0012'3460'10e7, 2) == 0x0012'3460'0000,
              "bit 12 of a large page is PAT, not frame");

}  // namespace ringside::hw
