#include "tests/unicorn/environment.h"

#include <cstring>
#include <iterator>

namespace ringside::differential {
namespace {

void put(std::span<uint8_t> memory, uint64_t address, uint64_t value, unsigned bytes = 8) { std::memcpy(memory.data() + address, &value, bytes); }

// A descriptor with limit 0xfffff and the given access byte and flags (G, D/B, L, AVL) [SDM 3A figure 3-8].
constexpr uint64_t descriptor(uint32_t base, uint8_t access, uint8_t flags) {
  return 0xffffull | (base & 0xffffffull) << 16 | uint64_t{access} << 40 | 0xfull << 48 | uint64_t{flags} << 52 | uint64_t{base >> 24} << 56;
}

void build_gdt(Mode mode, std::span<uint8_t> memory) {
  constexpr uint8_t kBig = 0xc, kSmall = 0x8, kLong = 0xa;
  const uint8_t flags = mode == Mode::kProtected16 || mode == Mode::kReal16 ? kSmall : kBig;
  for (unsigned s = 0; s < 6; ++s) {
    const bool code = s == 1;
    const uint8_t code_flags = mode == Mode::kLong64 ? kLong : flags;
    put(memory, layout::kGdt + 8 * (s + 1), descriptor(kSegmentBase[s], code ? 0x9b : 0x93, code ? code_flags : flags));
  }
  // For loads of segment registers and for LAR, LSL, VERR, VERW. All are accessed already, so loading changes no memory.
  const uint64_t others[] = {descriptor(0x1800, 0x91, kBig),    // 7: read-only data
                             descriptor(0, 0x9b, kBig),         // 8: readable code, not conforming
                             descriptor(0, 0x99, kBig),         // 9: execute-only code
                             descriptor(0x1000, 0x13, kBig),    // 10: data, not present
                             descriptor(0x1000, 0xf3, kBig),    // 11: data, DPL 3
                             descriptor(0, 0x9f, kBig),         // 12: conforming code
                             descriptor(0x1000, 0x97, kBig),    // 13: expand-down data
                             0x00008b0020000067,                // 14: busy TSS at layout::kTss
                             0x0000820000000000,                // 15: LDT, empty
                             descriptor(0, 0x9b, kLong)};       // 16: 64-bit code, for the gates of long mode
  for (unsigned i = 0; i < std::size(others); ++i) put(memory, layout::kGdt + 8 * (7 + i), others[i]);
}

// Gates of all vectors, to one address; what matters is only that delivery does not fail.
void build_idt(Mode mode, std::span<uint8_t> memory) {
  for (unsigned v = 0; v < 256; ++v) {
    if (mode == Mode::kReal16) {
      if (v < 32) put(memory, 4 * v, layout::kHandler, 4);
    } else if (mode == Mode::kProtected16 || mode == Mode::kProtected32) {
      put(memory, layout::kIdt + 8 * v, layout::kHandler | uint64_t{kGateCode16} << 16 | 0x8eull << 40);
    } else {
      put(memory, layout::kIdt + 16 * v, layout::kHandler | uint64_t{kGateCode64} << 16 | 0x8eull << 40);
      put(memory, layout::kIdt + 16 * v + 8, 0);
    }
  }
}

}  // namespace

uint64_t initial_cr0(Mode mode) {
  switch (mode) {
    case Mode::kReal16: return 0x30;
    case Mode::kProtected16: case Mode::kProtected32: return 0x31;
    case Mode::kCompatibility32: case Mode::kLong64: return 0x80000031;
  }
  return 0;
}

std::array<uint16_t, 6> initial_selectors(Mode mode) {
  std::array<uint16_t, 6> selectors{};
  for (unsigned s = 0; s < 6; ++s) selectors[s] = static_cast<uint16_t>(mode == Mode::kReal16 ? kSegmentBase[s] / 16 : 8 * (s + 1));
  return selectors;
}

void build_environment(Mode mode, std::span<uint8_t> memory) {
  std::memset(memory.data(), 0, memory.size());
  constexpr uint8_t kHlt = 0xf4;
  std::memset(memory.data() + layout::kCode, kHlt, layout::kCodeBytes + layout::kTargetsBytes);
  std::memset(memory.data() + layout::kFarTargets, kHlt, layout::kBytes - layout::kFarTargets);
  build_gdt(mode, memory);
  build_idt(mode, memory);
  // The first 2 MiB one to one, accessed and dirty already, so that no walk writes.
  put(memory, layout::kTables, (layout::kTables + 0x1000) | 0x23);
  put(memory, layout::kTables + 0x1000, (layout::kTables + 0x2000) | 0x23);
  put(memory, layout::kTables + 0x2000, 0xe3);
}

void fill_window(std::span<uint8_t> memory, const TestCase& test) {
  uint64_t seed = test.window_seed;
  // splitmix64: fast, and equal everywhere.
  for (uint64_t at = 0; at < layout::kWindowBytes; at += 8) {
    uint64_t z = seed += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    put(memory, layout::kWindow + at, z ^ (z >> 31));
  }
  if (test.poke_address) put(memory, test.poke_address, test.poke_value);
}

}  // namespace ringside::differential
