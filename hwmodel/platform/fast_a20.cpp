#include "hwmodel/platform/fast_a20.h"

#include "hwmodel/platform/register_access.h"

namespace ringside::hw {

uint64_t FastA20::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [this](uint64_t lane) { return lane == 0 ? value_ : 0xff; });
}

void FastA20::write(uint64_t offset, unsigned, uint64_t value) {
  if (offset != 0) return;
  const bool resets = (value & 1) && !(value_ & 1);
  value_ = static_cast<uint8_t>(value & 0x03);
  if (resets) reset_();
}

}  // namespace ringside::hw
