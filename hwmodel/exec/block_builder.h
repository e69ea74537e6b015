// From rip to a block of micro-ops: fetch translation, the code cache, and decoding what is not there yet.
// Called by the run loop between blocks.
#pragma once

#include <cstdint>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// The block at cs:rip, decoded if need be. Null: the fetch faulted, cpu.pending is set. A block with bytes == 0 lives only until the
// next call (an instruction that straddles two pages).
Block* find_block(Cpu& cpu);

// Ends `block` after its `slots` micro-ops (block.count instructions of `bytes` bytes) with the one that leads out.
void finish_block(Block& block, unsigned slots, unsigned bytes);

// Direct-mapped memory of where linear code pages are, per CPU: valid for one fetch generation.
class FetchMap {
 public:
  struct Slot {
    uint64_t linear_page = 1;   // no page-aligned address equals 1
    uint64_t generation = 0;
    CodePage* page = nullptr;
    const uint8_t* host = nullptr;
    uint8_t fetch_key = 0;
  };
  Slot& at(uint64_t linear) { return slots_[(linear >> kPageShift) & (kSlots - 1)]; }

 private:
  static constexpr unsigned kSlots = 256;
  Slot slots_[kSlots];
};

}  // namespace ringside::hw
