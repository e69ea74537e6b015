// Entry format of PAE paging: a top level of 4 pointers, then two levels of 512 eight-byte entries; 4 KiB and 2 MiB
// pages.
//
//   linear 31   30 29       21 20     12 11      0
//          [ptrs ] [directory] [ table ] [ offset ]
//
//   entry  63 62....M  M-1 ........ 12  11..9  8 7  6 5 4   3   2   1   0
//          XD zero     frame / table    ignored G PS D A PCD PWT U/S R/W P    (M = MAXPHYADDR; unlike long mode 62:52
//          are reserved)
//   PDPTE  63 ......M  M-1 ........ 12  11..9  8...5 4   3   2 1 0
//          zero        directory        ignored zero PCD PWT zero P            (no rights, no accessed flag)
//
// MODEL: the processor loads the four PDPTEs into registers at MOV CR3 and raises #GP for reserved bits there
// [SDM 3A 4.4.1 "PDPTE Registers"]; here each walk reads its PDPTE from memory, one reference more than hardware needs
// (the published counts give PAE 3), and reserved bits in it are a page fault with RSVD.
#pragma once

#include <cstdint>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/rights.h"

namespace ringside::hw {

class PaeFormat {
 public:
  using Word = uint64_t;
  static constexpr unsigned kTopLevel = 3;
  static constexpr Word kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2, kAccessed = 1 << 5, kDirty = 1 << 6,
                        kLarge = 1 << 7, kGlobal = 1 << 8, kNoExecute = Word{1} << 63;
  static constexpr Word kFrame = bit_range(kPhysicalAddressBits - 1, 12);
  static constexpr Word kReserved = bit_range(62, kPhysicalAddressBits);  // [SDM 3A tables 4-9 to 4-11]
  static constexpr Word kPointerReserved =
      bit_range(63, kPhysicalAddressBits) | bit_range(8, 5) | bit_range(2, 1);  // [SDM 3A table 4-8]
  static constexpr Word kLargeReserved = bit_range(20, 13);

  constexpr explicit PaeFormat(const PagingControls& controls)
      : always_reserved_(kReserved | (controls.no_execute ? 0 : kNoExecute)), global_pages_(controls.global_pages) {}

  static constexpr uint64_t root(uint64_t cr3) { return cr3 & 0xffffffe0; }
  static constexpr unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
  static constexpr uint64_t slot(uint64_t table, uint64_t linear, unsigned level) {
    return table + ((linear >> shift(level)) & (level == 3 ? 3 : 511)) * sizeof(Word);
  }
  static constexpr bool present(Word e) { return e & kPresent; }
  static constexpr bool leaf(Word e, unsigned level) { return level == 1 || (level == 2 && (e & kLarge)); }
  constexpr bool malformed(Word e, unsigned level, bool leaf) const {
    return e & (level == 3 ? kPointerReserved : always_reserved_ | (level == 2 && leaf ? kLargeReserved : 0));
  }
  static constexpr Rights rights(Word e, unsigned level) {
    if (level == 3) return rights::kAll;
    return static_cast<Rights>(rights::kNested | (e & kWritable ? rights::kWrite : 0) |
                               (e & kUser ? rights::kUser : 0) | (e & kNoExecute ? 0 : rights::kExecute));
  }
  static constexpr uint64_t table(Word e) { return e & kFrame; }
  static constexpr uint64_t page(Word e, unsigned level) { return e & kFrame & ~bit_range(shift(level) - 1, 0); }
  static constexpr Word accessed(unsigned level) { return level == 3 ? 0 : kAccessed; }
  static constexpr Word dirty() { return kDirty; }
  constexpr bool global(Word e) const { return global_pages_ && (e & kGlobal); }

 private:
  Word always_reserved_;
  bool global_pages_;
};

static_assert(PaeFormat::kReserved == 0x7fffff0000000000 && PaeFormat::kPointerReserved == 0xffffff00000001e6);
static_assert(PaeFormat::slot(0x1020, 0xc0000000, 3) == 0x1038, "the pointer table is only 32-byte aligned");

}  // namespace ringside::hw
