// Integers of 1 to 9 bytes whose length is known from the first byte, so that neither side needs a loop or a branch per byte.
// Called by the encoder and the decoder of event records.
//
//   first byte  xxxxxxx1  1 byte,  7 bits of value      The count of trailing zeros of the first byte, plus one, is the
//               xxxxxx10  2 bytes, 14 bits              length; the value's bits follow above them, least significant
//               xxxxx100  3 bytes, 21 bits ...          first. A first byte of 0 stands before a plain 64-bit value.
//               10000000  8 bytes, 56 bits
//               00000000  9 bytes, 64 bits
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace ringside::traces {

inline constexpr size_t kMaxVarint = 9;

inline uint64_t load64(const uint8_t* p) {
  static_assert(std::endian::native == std::endian::little, "files are little-endian and so are all x86-64 hosts");
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store64(uint8_t* p, uint64_t v) { std::memcpy(p, &v, sizeof v); }

// Writes up to 9 bytes at `p` (9 must be writable) and returns the byte after the number.
inline uint8_t* put_varint(uint8_t* p, uint64_t value) {
  const unsigned bits = 64 - static_cast<unsigned>(std::countl_zero(value | 1));
  const unsigned length = ((bits - 1) * 37 >> 8) + 1;  // bits / 7 rounded up, without a division
  if (length > 8) [[unlikely]] {
    *p = 0;
    store64(p + 1, value);
    return p + 9;
  }
  store64(p, ((value << 1) | 1) << (length - 1));
  return p + length;
}

// Reads at most 9 bytes at `p`, all of which must be readable, and returns the byte after the number.
inline const uint8_t* get_varint(const uint8_t* p, uint64_t& value) {
  const uint64_t word = load64(p);
  if ((word & 0xff) == 0) [[unlikely]] {
    value = load64(p + 1);
    return p + 9;
  }
  const unsigned length = static_cast<unsigned>(std::countr_zero(word)) + 1;
  value = (word << (64 - 8 * length)) >> (64 - 7 * length);
  return p + length;
}

// Signed differences, small in both directions.
constexpr uint64_t zigzag(uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }
constexpr uint64_t unzigzag(uint64_t code) { return (code >> 1) ^ (0 - (code & 1)); }

}  // namespace ringside::traces
