// Entry format of the shadow part of agile paging (Gandhi, Hill, Swift, ISCA 2016): the 4-level or 5-level format with
// one more bit. An inner entry with the switching bit points to the machine-physical address of the guest's own next
// table, and the walk goes on there in nested mode.
//
//   63 62..53   52     51 ......... 12  11 ...... 0
//   XD ignored  SWITCH frame / table    as in long64.h
#pragma once

#include <cstdint>

#include "hwmodel/mmu/entry/long64.h"

namespace ringside::hw {

class AgileShadowFormat : public Long64Format {
 public:
  // MODEL: the paper leaves the bit's place open; 52 is the first that 4-level paging ignores.
  static constexpr Word kSwitch = Word{1} << 52;
  using Long64Format::Long64Format;

  static constexpr bool switches(Word e, unsigned level) { return level > 1 && (e & kSwitch); }
  // The shadow part of the walk ends at a switching entry as at a page.
  static constexpr bool leaf(Word e, unsigned level) { return switches(e, level) || Long64Format::leaf(e, level); }
  constexpr bool malformed(Word e, unsigned level, bool leaf) const {
    return switches(e, level) ? e & kLarge || Long64Format::malformed(e, level, false)
                              : Long64Format::malformed(e, level, leaf);
  }
};

}  // namespace ringside::hw
