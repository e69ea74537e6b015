// The 256 interrupt vectors as a bit set: IRR, ISR and TMR of a local APIC, with the highest member found in four
// steps.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace ringside::hw {

class VectorSet {
 public:
  void add(uint8_t vector) { words_[vector >> 6] |= uint64_t{1} << (vector & 63); }
  void remove(uint8_t vector) { words_[vector >> 6] &= ~(uint64_t{1} << (vector & 63)); }
  bool has(uint8_t vector) const { return words_[vector >> 6] >> (vector & 63) & 1; }
  void clear() { words_ = {}; }
  // -1 if empty.
  int highest() const {
    for (int i = 3; i >= 0; --i) {
      if (words_[static_cast<unsigned>(i)]) return i * 64 + 63 - std::countl_zero(words_[static_cast<unsigned>(i)]);
    }
    return -1;
  }
  // The register of 32 vectors from 32 * index.
  uint32_t word(unsigned index) const {
    return static_cast<uint32_t>(words_[(index >> 1) & 3] >> (index & 1 ? 32 : 0));
  }

 private:
  std::array<uint64_t, 4> words_{};
};

}  // namespace ringside::hw
