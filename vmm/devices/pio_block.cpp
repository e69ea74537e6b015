#include "vmm/devices/pio_block.h"

#include <algorithm>
#include <cstring>

namespace ringside::vmm {
namespace {
constexpr unsigned kWord = 4;
constexpr uint8_t kCommandRead = 1, kCommandWrite = 2, kCommandRewind = 3;
}  // namespace

uint64_t PioBlock::read(uint64_t offset, unsigned size) {
  if (offset == kCommand && size == 1) return failed_;
  if (size != kWord) return ~0ull;
  switch (offset) {
    case kSector: return sector_;
    case kSectors: return static_cast<uint32_t>(std::min<uint64_t>(store_.sectors(), 0xffff'fffe));
    case kData: {
      uint32_t word;
      std::memcpy(&word, buffer_.data() + at_, sizeof word);
      at_ = (at_ + kWord) % kSectorBytes;
      return word;
    }
    default: return ~0ull;
  }
}

void PioBlock::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset == kCommand && size == 1) return carry_out(static_cast<uint8_t>(value));
  if (size != kWord) return;
  const auto word = static_cast<uint32_t>(value);
  if (offset == kSector) sector_ = word;
  if (offset == kData) {
    std::memcpy(buffer_.data() + at_, &word, sizeof word);
    at_ = (at_ + kWord) % kSectorBytes;
  }
}

void PioBlock::carry_out(uint8_t command) {
  at_ = 0;
  switch (command) {
    case kCommandRead: failed_ = !store_.read(sector_, buffer_); break;
    case kCommandWrite: failed_ = !store_.write(sector_, buffer_); break;
    case kCommandRewind: failed_ = false; break;
    default: failed_ = true;
  }
}

}  // namespace ringside::vmm
