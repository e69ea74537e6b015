// A growing ACPI table: little-endian fields at the end or at an offset, the common header, the checksum. Used by acpi.cpp only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ringside::vmm {

class AcpiTable {
 public:
  // Starts with the 36-byte header [ACPI 5.2.6 "System Description Table Header"].
  AcpiTable(std::string_view signature, uint8_t revision) {
    text(signature, 4).u32(0).u8(revision).u8(0).text("RNGSDE", 6).text("RINGSIDE", 8).u32(1).text("RNGS", 4).u32(1);
  }
  AcpiTable() = default;  // a structure without that header (RSDP, FACS)

  AcpiTable& u8(uint64_t v) { return add(v, 1); }
  AcpiTable& u16(uint64_t v) { return add(v, 2); }
  AcpiTable& u32(uint64_t v) { return add(v, 4); }
  AcpiTable& u64(uint64_t v) { return add(v, 8); }
  AcpiTable& text(std::string_view t, size_t width) {
    for (size_t i = 0; i < width; ++i) bytes_.push_back(i < t.size() ? static_cast<uint8_t>(t[i]) : ' ');
    return *this;
  }
  AcpiTable& zeros(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  AcpiTable& raw(const std::vector<uint8_t>& more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  // Generic address of an I/O port [ACPI 5.2.3.2]; access size in the spec's code (1 byte, 2 word, 3 dword).
  AcpiTable& port(uint16_t address, unsigned bits, unsigned access) { return u8(1).u8(bits).u8(0).u8(access).u64(address); }
  AcpiTable& no_address() { return zeros(12); }

  size_t size() const { return bytes_.size(); }
  // Fills in length (offset 4) and checksum (offset 9).
  std::vector<uint8_t> finish() {
    const auto length = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + 4, &length, sizeof length);
    set_checksum(9, bytes_.size());
    return std::move(bytes_);
  }
  // Makes the first `count` bytes add up to zero.
  AcpiTable& set_checksum(size_t offset, size_t count) {
    bytes_[offset] = 0;
    uint8_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum = static_cast<uint8_t>(sum + bytes_[i]);
    bytes_[offset] = static_cast<uint8_t>(-sum);
    return *this;
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  AcpiTable& add(uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) bytes_.push_back(static_cast<uint8_t>(v >> (8 * i)));
    return *this;
  }
  std::vector<uint8_t> bytes_;
};

}  // namespace ringside::vmm
