// How wide the modelled CPU's addresses are. CPUID, the entry formats and the page walker all take it from here.
#pragma once

#include <cstdint>

namespace ringside::hw {

// MAXPHYADDR, CPUID.80000008H:EAX[7:0]: 1 TiB of physical addresses [SDM 3A 4.1.4 "Enumeration of Paging Features by
// CPUID"].
constexpr unsigned kPhysicalAddressBits = 40;
constexpr uint64_t kPhysicalAddressMask = (uint64_t{1} << kPhysicalAddressBits) - 1;

// Bits high..low set, both included; both below 64.
constexpr uint64_t bit_range(unsigned high, unsigned low) {
  return (~uint64_t{0} >> (63 - (high & 63))) & (~uint64_t{0} << low);
}

static_assert(kPhysicalAddressBits >= 36 && kPhysicalAddressBits <= 52);
static_assert(bit_range(51, 12) == 0x000ffffffffff000 && bit_range(63, 63) == uint64_t{1} << 63 &&
              bit_range(0, 0) == 1);

}  // namespace ringside::hw
