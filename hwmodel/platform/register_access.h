// Helpers for devices made of byte registers: a wider access is one access per byte lane, lowest address first, as an
// ISA bus splits it. Used by the devices of this folder.
#pragma once

#include <cstdint>

namespace ringside::hw {

constexpr uint64_t value_mask(unsigned size) { return size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1; }

// `read_byte(offset)` for each of `size` bytes.
template <class ReadByte>
uint64_t read_lanes(uint64_t offset, unsigned size, ReadByte read_byte) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size && i < 8; ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(read_byte(offset + i))) << (8 * i);
  return value;
}

template <class WriteByte>
void write_lanes(uint64_t offset, unsigned size, uint64_t value, WriteByte write_byte) {
  for (unsigned i = 0; i < size && i < 8; ++i) write_byte(offset + i, static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace ringside::hw
