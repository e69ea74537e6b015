// Builds what both machines find in memory: descriptor tables, IDT, page tables, the data window. Bytes only, no machine.
#pragma once

#include <cstdint>
#include <span>

#include "tests/unicorn/test_case.h"

namespace ringside::differential {

// Everything but the data window. `memory` is layout::kBytes long.
void build_environment(Mode mode, std::span<uint8_t> memory);
// The data window of one test.
void fill_window(std::span<uint8_t> memory, const TestCase& test);

// Bits of the control registers both machines run with.
uint64_t initial_cr0(Mode mode);
constexpr uint64_t kCr4 = 0x620, kEfer = 0xd00;   // OSXMMEXCPT, OSFXSR, PAE; NXE, LMA, LME

// The selectors the mode starts with.
std::array<uint16_t, 6> initial_selectors(Mode mode);

}  // namespace ringside::differential
