#include "traces/write/dictionary.h"

#include <algorithm>
#include <cstring>

namespace ringside::traces {
namespace {

constexpr size_t kFirstTableSize = 256;

// Multiply and fold, eight bytes a step. Not against attackers: a guest that makes texts collide slows its own trace only, and
// the number of texts in a chunk is bounded by the chunk.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = text.size() * 0x9e3779b97f4a7c15ull;
  const auto mix = [&hash](uint64_t word) {
    const auto product = static_cast<unsigned __int128>(hash ^ word) * 0xa0761d6478bd642full;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    mix(word);
  }
  uint64_t rest = 0;
  if (at < text.size()) std::memcpy(&rest, text.data() + at, text.size() - at);
  mix(rest ^ 0xe7037ed1a0b428dbull);
  return hash;
}

}  // namespace

void Dictionary::reset() {
  arena_.clear();
  entries_.assign(1, Slot{});
  table_.assign(std::max(kFirstTableSize, table_.size()), 0);
}

uint32_t Dictionary::number_of(std::string_view wanted) {
  if (wanted.empty()) return 0;
  const uint64_t hash = hash_of(wanted);
  size_t at = hash & (table_.size() - 1);
  for (; table_[at]; at = (at + 1) & (table_.size() - 1)) {
    const uint32_t number = table_[at] - 1;
    if (entries_[number].hash == hash && text(number) == wanted) return number;
  }
  const uint32_t number = size();
  entries_.push_back({static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(wanted.size()), hash});
  arena_.append(wanted);
  table_[at] = number + 1;
  if (entries_.size() * 2 > table_.size()) grow();
  return number;
}

void Dictionary::grow() {
  table_.assign(table_.size() * 2, 0);
  for (uint32_t number = 1; number < size(); ++number) {
    size_t at = entries_[number].hash & (table_.size() - 1);
    while (table_[at]) at = (at + 1) & (table_.size() - 1);
    table_[at] = number + 1;
  }
}

}  // namespace ringside::traces
