// What a guest shows in VGA text mode: 80x25 characters of its text memory at 0xB8000, as UTF-8. Looking changes nothing.
// Called by `ringside screen` and by tests of guests that draw there.
#pragma once

#include <array>
#include <string>

#include "vmm/core/machine.h"

namespace ringside::sim {

inline constexpr unsigned kScreenColumns = 80, kScreenRows = 25;

// Trailing blanks of a row are cut. The display may start anywhere in text memory, as the VGA's start address says.
std::array<std::string, kScreenRows> text_screen(vmm::Machine& machine);

// One character of code page 437, the VGA's built-in font, as UTF-8.
std::string cp437_to_utf8(uint8_t character);

}  // namespace ringside::sim
