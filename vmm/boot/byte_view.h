// Bounds-checked little-endian access to an image whose every number may be hostile. Used by all loaders.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace ringside::vmm {

class ByteView {
 public:
  ByteView(std::span<const uint8_t> bytes) : bytes_(bytes) {}  // NOLINT: a view is made from bytes without ceremony

  uint64_t size() const { return bytes_.size(); }
  bool has(uint64_t offset, uint64_t count) const { return offset <= size() && count <= size() - offset; }
  // The value at `offset`, or 0 where the image ends before it.
  template <class T>
  T at(uint64_t offset) const {
    static_assert(std::is_integral_v<T>);
    T value = 0;
    if (has(offset, sizeof(T))) std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  // [offset, offset + count), empty if that leaves the image.
  std::span<const uint8_t> part(uint64_t offset, uint64_t count) const {
    return has(offset, count) ? bytes_.subspan(offset, count) : std::span<const uint8_t>();
  }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace ringside::vmm
