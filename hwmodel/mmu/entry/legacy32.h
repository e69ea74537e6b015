// Entry format of 32-bit paging: two levels of 1024 four-byte entries, 4 KiB pages and, with CR4.PSE, 4 MiB ones.
// A format says what one entry means; the walk itself is in walk_table.h.
//
//   linear 31         22 21         12 11         0
//          [ directory ] [   table   ] [  offset  ]
//
//   entry  31 ........ 12 11..9  8 7  6 5 4   3   2   1   0
//          frame / table  ignored G PS D A PCD PWT U/S R/W P     (PS in directories only; in tables bit 7 is PAT)
//   4 MiB  31..22 21 20......13 12                               (PSE-36)
//          frame  0  frame bits PAT
//                    39:32
#pragma once

#include <cstdint>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/rights.h"

namespace ringside::hw {

class Legacy32Format {
 public:
  using Word = uint32_t;
  static constexpr unsigned kTopLevel = 2;
  static constexpr Word kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2, kAccessed = 1 << 5, kDirty = 1 << 6,
                        kLarge = 1 << 7, kGlobal = 1 << 8;
  static constexpr Word kFrame = 0xfffff000, kLargeFrame = 0xffc00000;
  // [SDM 3A table 4-4]: bits 39:32 of the frame sit in bits 20:13; those beyond MAXPHYADDR, and bit 21, are reserved.
  static constexpr unsigned kHighFrameBits = (kPhysicalAddressBits < 40 ? kPhysicalAddressBits : 40) - 32;
  static constexpr Word kLargeReserved = static_cast<Word>(bit_range(21, 13 + kHighFrameBits));

  constexpr explicit Legacy32Format(const PagingControls& controls)
      : large_pages_(controls.large_pages), global_pages_(controls.global_pages) {}

  static constexpr uint64_t root(uint64_t cr3) { return cr3 & kFrame; }
  static constexpr unsigned shift(unsigned level) { return level == 2 ? 22 : 12; }
  static constexpr uint64_t slot(uint64_t table, uint64_t linear, unsigned level) {
    return table + ((linear >> shift(level)) & 1023) * sizeof(Word);
  }
  static constexpr bool present(Word e) { return e & kPresent; }
  constexpr bool leaf(Word e, unsigned level) const { return level == 1 || (large_pages_ && (e & kLarge)); }
  constexpr bool malformed(Word e, unsigned level, bool leaf) const {
    return level == 2 && leaf && (e & kLargeReserved);
  }
  static constexpr Rights rights(Word e, unsigned /*level*/) {
    return static_cast<Rights>(rights::kNested | rights::kExecute | (e & kWritable ? rights::kWrite : 0) |
                               (e & kUser ? rights::kUser : 0));
  }
  static constexpr uint64_t table(Word e) { return e & kFrame; }
  static constexpr uint64_t page(Word e, unsigned level) {
    if (level == 1) return e & kFrame;
    return (e & kLargeFrame) | static_cast<uint64_t>((e >> 13) & bit_range(kHighFrameBits - 1, 0)) << 32;
  }
  static constexpr Word accessed(unsigned /*level*/) { return kAccessed; }
  static constexpr Word dirty() { return kDirty; }
  constexpr bool global(Word e) const { return global_pages_ && (e & kGlobal); }

 private:
  bool large_pages_, global_pages_;
};

static_assert(Legacy32Format::kLargeReserved == 1u << 21, "with 40 physical bits all of 20:13 hold address bits");
static_assert(Legacy32Format::page(0x12c02000 | 0xe7, 2) == 0x112c00000);
static_assert(Legacy32Format::slot(0x1000, 0xffc00000, 2) == 0x1ffc &&
              Legacy32Format::slot(0x1000, 0x003ff000, 1) == 0x1ffc);

}  // namespace ringside::hw
