// Synthetic guest images for tests and fuzz seeds: ELF files, bzImages and Multiboot headers with every field under control.
// Used by tests only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace ringside::vmm::testing {

using Bytes = std::vector<uint8_t>;

template <class T>
void put(Bytes& bytes, size_t offset, T value) {
  if (bytes.size() < offset + sizeof value) bytes.resize(offset + sizeof value);
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

struct TestSegment {
  uint64_t physical = 0x100000;
  uint64_t virtual_address = 0x100000;
  Bytes content = {0xf4};
  uint64_t memory_bytes = 0;   // 0: as content
  uint32_t type = 1;
};

// An ELF64 executable; contents stand from 0x1000 on, each on its own page.
inline Bytes elf64(uint64_t entry, const std::vector<TestSegment>& segments, uint16_t machine = 62) {
  Bytes b(0x1000);
  std::memcpy(b.data(), "\x7f" "ELF\x02\x01\x01", 7);
  put<uint16_t>(b, 16, 2), put<uint16_t>(b, 18, machine), put<uint32_t>(b, 20, 1);
  put<uint64_t>(b, 24, entry), put<uint64_t>(b, 32, 64);
  put<uint16_t>(b, 52, 64), put<uint16_t>(b, 54, 56), put<uint16_t>(b, 56, static_cast<uint16_t>(segments.size()));
  for (size_t i = 0; i < segments.size(); ++i) {
    const size_t at = 64 + i * 56, offset = b.size();
    const TestSegment& s = segments[i];
    put<uint32_t>(b, at, s.type), put<uint32_t>(b, at + 4, 7);
    put<uint64_t>(b, at + 8, offset), put<uint64_t>(b, at + 16, s.virtual_address), put<uint64_t>(b, at + 24, s.physical);
    put<uint64_t>(b, at + 32, s.content.size()), put<uint64_t>(b, at + 40, s.memory_bytes ? s.memory_bytes : s.content.size());
    b.insert(b.end(), s.content.begin(), s.content.end());
    b.resize((b.size() + 0xfff) & ~size_t{0xfff});
  }
  return b;
}

inline Bytes elf32(uint32_t entry, const std::vector<TestSegment>& segments) {
  Bytes b(0x1000);
  std::memcpy(b.data(), "\x7f" "ELF\x01\x01\x01", 7);
  put<uint16_t>(b, 16, 2), put<uint16_t>(b, 18, 3), put<uint32_t>(b, 20, 1);
  put<uint32_t>(b, 24, entry), put<uint32_t>(b, 28, 52);
  put<uint16_t>(b, 40, 52), put<uint16_t>(b, 42, 32), put<uint16_t>(b, 44, static_cast<uint16_t>(segments.size()));
  for (size_t i = 0; i < segments.size(); ++i) {
    const size_t at = 52 + i * 32, offset = b.size();
    const TestSegment& s = segments[i];
    put<uint32_t>(b, at, s.type), put<uint32_t>(b, at + 4, static_cast<uint32_t>(offset));
    put<uint32_t>(b, at + 8, static_cast<uint32_t>(s.virtual_address)), put<uint32_t>(b, at + 12, static_cast<uint32_t>(s.physical));
    put<uint32_t>(b, at + 16, static_cast<uint32_t>(s.content.size()));
    put<uint32_t>(b, at + 20, static_cast<uint32_t>(s.memory_bytes ? s.memory_bytes : s.content.size()));
    b.insert(b.end(), s.content.begin(), s.content.end());
    b.resize((b.size() + 0xfff) & ~size_t{0xfff});
  }
  return b;
}

// A bzImage of protocol 2.15: two setup sectors, then `kernel` with `payload` at its end.
struct TestBzImage {
  Bytes kernel = Bytes(0x400, 0x90);
  Bytes payload{};
  uint16_t version = 0x20f;
  uint16_t xloadflags = 1;
  uint64_t preferred = 0x200000;
  uint32_t init_size = 0x10000;
  uint32_t initrd_max = 0x7fffffff;
  uint32_t command_line_max = 2047;

  Bytes build() const {
    constexpr size_t kSetup = 3 * 512;
    Bytes b(kSetup);
    Bytes body = kernel;
    body.insert(body.end(), payload.begin(), payload.end());
    body.resize((body.size() + 15) & ~size_t{15});
    put<uint8_t>(b, 0x1f1, 2), put<uint32_t>(b, 0x1f4, static_cast<uint32_t>(body.size() / 16)), put<uint16_t>(b, 0x1fe, 0xaa55);
    put<uint16_t>(b, 0x200, 0x66eb), put<uint32_t>(b, 0x202, 0x53726448), put<uint16_t>(b, 0x206, version);
    put<uint16_t>(b, 0x20e, 0x100), std::memcpy(b.data() + 0x300, "9.9.9-test", 11);
    put<uint8_t>(b, 0x211, 1), put<uint32_t>(b, 0x214, 0x100000), put<uint32_t>(b, 0x22c, initrd_max);
    put<uint32_t>(b, 0x230, 0x200000), put<uint8_t>(b, 0x234, 1), put<uint16_t>(b, 0x236, xloadflags);
    put<uint32_t>(b, 0x238, command_line_max);
    put<uint32_t>(b, 0x248, payload.empty() ? 0 : static_cast<uint32_t>(kernel.size()));
    put<uint32_t>(b, 0x24c, static_cast<uint32_t>(payload.size()));
    put<uint64_t>(b, 0x258, preferred), put<uint32_t>(b, 0x260, init_size);
    b.insert(b.end(), body.begin(), body.end());
    return b;
  }
};

// Puts a Multiboot 1 header into the ELF file's unused space (or anywhere).
inline Bytes with_multiboot(Bytes image, size_t at, uint32_t flags, std::vector<uint32_t> address_fields = {}) {
  put<uint32_t>(image, at, 0x1BADB002), put<uint32_t>(image, at + 4, flags), put<uint32_t>(image, at + 8, 0u - 0x1BADB002u - flags);
  for (size_t i = 0; i < address_fields.size(); ++i) put<uint32_t>(image, at + 12 + i * 4, address_fields[i]);
  return image;
}

}  // namespace ringside::vmm::testing
