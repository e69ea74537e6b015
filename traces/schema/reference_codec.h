// How a list of walk references stands in a record. Walks repeat themselves: the upper tables are those of the walk before,
// an address follows from the entry above it, and an entry mostly says what it said last time. Only what is otherwise is
// stored, so a reference takes one byte where nothing is new. Encoder and decoder own one each, reset with every chunk.
//
//   list       count reference...                 count is a varint, at most kMaxReferences
//   reference  head(1) [shape(1)] [address] [entry]
//     head     bit 0 shape follows, else that of the same place in the list before    bit 1 address, bit 2 entry follow
//              bit 3 accessed flag written    bit 4 dirty flag written                bits 5-7 zero
//     shape    bits 1:0 table    4:2 level    7:5 serves
//     address  zigzag varint of the difference to: the page that the entry above names (of the same dimension in the same
//              list; else the page last read in that place), at the offset last used in that place
//     entry    zigzag varint of the difference to the last entry at that address, or at one that hashes alike
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "traces/schema/varint.h"
#include "traces/schema/walk_reference.h"

namespace ringside::traces {

class ReferenceCodec {
 public:
  static constexpr size_t kMaxBytes = kMaxVarint + kMaxReferences * (2 + 2 * kMaxVarint);

  void reset() { *this = ReferenceCodec(); }
  // Writes at most kMaxBytes at `p` and returns the byte after.
  uint8_t* put(uint8_t* p, std::span<const WalkReference> list);
  // Reads a list at `p`, of which 32 bytes beyond `end` must be readable. Null where the bytes break a rule.
  const uint8_t* get(const uint8_t* p, const uint8_t* end, std::vector<WalkReference>& list);

 private:
  static constexpr unsigned kMemoBits = 9;
  static size_t memo(uint64_t address) { return (address >> 3) * 0x9e3779b97f4a7c15ull >> (64 - kMemoBits); }
  static uint8_t shape_of(const WalkReference& r) {
    return static_cast<uint8_t>((static_cast<unsigned>(r.table) & 3) | (r.level & 7u) << 2 | (r.serves & 7u) << 5);
  }
  uint64_t expected_address(std::span<const WalkReference> before, const WalkReference& next) const;
  void note(const WalkReference& reference);

  std::array<uint8_t, kMaxReferences> shapes_{};
  std::array<uint64_t, 256> address_{};               // last one, by shape
  std::array<uint64_t, 1u << kMemoBits> entry_{};     // last one, by address
};

}  // namespace ringside::traces
