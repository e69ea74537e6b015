// Entry format of extended page tables (EPT): guest-physical to machine-physical, 4 or 5 levels of 512 eight-byte
// entries; 4 KiB, 2 MiB and 1 GiB pages [SDM 3C 28.3.2 "EPT Translation Mechanism"].
//
//   guest-physical 56    48 47    39 38    30 29    21 20    12 11     0
//                  [level 5][level 4][level 3][level 2][level 1][offset]
//
//   table  63 .. 52 51..M  M-1 ........ 12  11  10   9   8  7  6 5 4 3   2 1 0
//          ignored  zero   next table       -   XU   -   A  0  0 0 0 0   X W R    (M = MAXPHYADDR; A: with EPT A/D
//          flags)
//   page   63 .. 52 51..M  M-1 ........ 12  11  10   9   8  7  6   5..3  2 1 0
//          ignored  zero   frame            -   XU   D   A  PS IPAT type X W R    (PS at levels 3 and 2; frame bits
//          below the page are 0)
//
// An entry is present if any of X, W, R is set. Bit 10 (XU, mode-based execute control) is not modelled and ignored.
#pragma once

#include <cstdint>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/rights.h"

namespace ringside::hw {

class EptFormat {
 public:
  using Word = uint64_t;
  static constexpr Word kRead = 1 << 0, kWrite = 1 << 1, kExecute = 1 << 2, kIgnorePat = 1 << 6, kLarge = 1 << 7,
                        kAccessed = 1 << 8, kDirty = 1 << 9;
  static constexpr unsigned kTypeShift = 3;
  static constexpr Word kTypeMask = 7 << kTypeShift;
  static constexpr Word kFrame = bit_range(kPhysicalAddressBits - 1, 12);
  static constexpr Word kReserved = kPhysicalAddressBits < 52 ? bit_range(51, kPhysicalAddressBits) : 0;

  // `accessed_dirty`: bit 6 of the EPT pointer.
  constexpr explicit EptFormat(bool accessed_dirty) : accessed_dirty_(accessed_dirty) {}

  static constexpr unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
  static constexpr uint64_t slot(uint64_t table, uint64_t address, unsigned level) {
    return table + ((address >> shift(level)) & 511) * sizeof(Word);
  }
  static constexpr bool present(Word e) { return e & (kRead | kWrite | kExecute); }
  static constexpr bool leaf(Word e, unsigned level) { return level == 1 || (level <= 3 && (e & kLarge)); }

  // EPT misconfigurations [SDM 3C 28.3.3.1 "EPT Misconfigurations"]: writable but not readable, a reserved memory type,
  // reserved bits. Execute-only is supported (IA32_VMX_EPT_VPID_CAP bit 0), so it is none.
  static constexpr bool malformed(Word e, unsigned level, bool leaf) {
    if ((e & kWrite) && !(e & kRead)) return true;
    if (e & kReserved) return true;
    if (!leaf) return e & (level >= 4 ? bit_range(7, 3) : bit_range(6, 3));
    const Word type = (e & kTypeMask) >> kTypeShift;
    if (type == 2 || type == 3 || type == 7) return true;
    return level > 1 && (e & bit_range(shift(level) - 1, 12));
  }
  static constexpr Rights rights(Word e, unsigned /*level*/) {
    return static_cast<Rights>(rights::kGuest | (e & kRead ? rights::kNestedRead : 0) |
                               (e & kWrite ? rights::kNestedWrite : 0) | (e & kExecute ? rights::kNestedExecute : 0));
  }
  static constexpr uint64_t table(Word e) { return e & kFrame; }
  static constexpr uint64_t page(Word e, unsigned level) { return e & kFrame & ~bit_range(shift(level) - 1, 0); }
  constexpr Word accessed(unsigned /*level*/) const { return accessed_dirty_ ? kAccessed : 0; }
  constexpr Word dirty() const { return accessed_dirty_ ? kDirty : 0; }

 private:
  bool accessed_dirty_;
};

static_assert(EptFormat::malformed(EptFormat::kWrite, 1, true) &&
              EptFormat::malformed(EptFormat::kWrite | EptFormat::kExecute, 1, true));
static_assert(!EptFormat::malformed(EptFormat::kExecute, 1, true), "execute-only");
static_assert(EptFormat::malformed(0x87, 4, false) && !EptFormat::malformed(0x87, 2, true));
static_assert(EptFormat::malformed(0x1087, 2, true), "unlike in the guest's tables bit 12 of a large page is reserved");

}  // namespace ringside::hw
