// Direct host pointers for pages whose modelled first-level TLB entry is alive: the interpreter's fast path.
// One table per way of looking (kernel, kernel with SMAP lifted by AC, user); a slot is direct-mapped by linear page.
#pragma once

#include <array>
#include <cstdint>

namespace ringside::hw {

struct FastEntry {
  static constexpr uint64_t kNone = 1;  // no page-aligned address equals it
  uint64_t read_tag = kNone;            // linear page readable through `addend`
  uint64_t write_tag = kNone;  // linear page writable through `addend` (dirty already set, no code on the page)
  uint64_t addend = 0;         // host address = linear + addend
};

struct FastTable {
  static constexpr unsigned kSlots = 512;
  std::array<FastEntry, kSlots> slot;
  std::array<uint64_t, kSlots / 64>
      used{};  // one bit per slot filled since the last clear: clearing touches only those
  static unsigned index(uint64_t linear) { return (linear >> 12) & (kSlots - 1); }
  FastEntry& at(uint64_t linear) { return slot[index(linear)]; }
  // Calls `visit(entry)` for each slot filled since the last clear.
  template <class Visit>
  void for_each_used(Visit&& visit) {
    for (unsigned word = 0; word < used.size(); ++word) {
      for (uint64_t left = used[word]; left; left &= left - 1)
        visit(slot[word * 64 + static_cast<unsigned>(__builtin_ctzll(left))]);
    }
  }
  void clear() {
    for_each_used([](FastEntry& e) { e = FastEntry{}; });
    used.fill(0);
  }
};

enum class View : uint8_t {
  kKernel,
  kKernelAc,
  kUser,
  kNoFast
};  // kNoFast: alignment checks or data breakpoints on; always slow
constexpr unsigned kViews = 4;

}  // namespace ringside::hw
