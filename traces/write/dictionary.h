// The texts of one chunk, each stored once and then named by its number. Number 0 is the empty text.
// Used by the encoder; the reader rebuilds the same numbers as the texts appear.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::traces {

class Dictionary {
 public:
  Dictionary() { reset(); }

  void reset();
  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  std::string_view text(uint32_t number) const { return {arena_.data() + entries_[number].offset, entries_[number].size}; }
  // The number of `text`, which is a new one (the old size()) if the chunk has not seen it.
  uint32_t number_of(std::string_view text);

 private:
  struct Slot {
    uint32_t offset = 0;
    uint32_t size = 0;
    uint64_t hash = 0;
  };
  void grow();

  std::string arena_;
  std::vector<Slot> entries_;
  std::vector<uint32_t> table_;  // open addressing; number + 1, or 0
};

}  // namespace ringside::traces
