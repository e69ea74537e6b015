#include "hwmodel/platform/debug_ports.h"

#include "hwmodel/platform/register_access.h"

namespace ringside::hw {

uint64_t DebugConsole::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [](uint64_t lane) { return lane == 0 ? kPresent : 0xff; });
}

void DebugConsole::write(uint64_t offset, unsigned, uint64_t value) {
  if (offset == 0) output_(static_cast<uint8_t>(value));
}

void DebugExit::write(uint64_t, unsigned size, uint64_t value) {
  exit_(static_cast<uint32_t>(value & value_mask(size)));
}

uint64_t MarkerPort::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [this](uint64_t lane) { return lane < 4 ? last_ >> (8 * lane) : 0xff; });
}

void MarkerPort::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset != 0) return;
  last_ = static_cast<uint32_t>(value & value_mask(size));
  mark_(last_);
}

}  // namespace ringside::hw
