#include "sim/screen.h"

#include <string_view>

#include "hwmodel/platform/ports.h"
#include "hwmodel/platform/vga_registers.h"
#include "vmm/boot/layout.h"

namespace ringside::sim {
namespace {

// Text memory is a window of 32 KiB; addresses in it wrap [VGA: memory map select 3, 0xB8000-0xBFFFF].
constexpr uint64_t kTextBytes = 0x8000;

// Glyphs of code page 437 below the space and above ASCII; NUL is drawn as a blank.
constexpr std::u32string_view kLow = U" \u263a\u263b\u2665\u2666\u2663\u2660\u2022\u25d8\u25cb\u25d9\u2642\u2640\u266a\u266b\u263c"
                                     U"\u25ba\u25c4\u2195\u203c\u00b6\u00a7\u25ac\u21a8\u2191\u2193\u2192\u2190\u221f\u2194\u25b2\u25bc";
constexpr std::u32string_view kHigh =
    U"\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4\u00c5"
    U"\u00c9\u00e6\u00c6\u00f4\u00f6\u00f2\u00fb\u00f9\u00ff\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7\u0192"
    U"\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf\u2310\u00ac\u00bd\u00bc\u00a1\u00ab\u00bb"
    U"\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555\u2563\u2551\u2557\u255d\u255c\u255b\u2510"
    U"\u2514\u2534\u252c\u251c\u2500\u253c\u255e\u255f\u255a\u2554\u2569\u2566\u2560\u2550\u256c\u2567"
    U"\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256b\u256a\u2518\u250c\u2588\u2584\u258c\u2590\u2580"
    U"\u03b1\u00df\u0393\u03c0\u03a3\u03c3\u00b5\u03c4\u03a6\u0398\u03a9\u03b4\u221e\u03c6\u03b5\u2229"
    U"\u2261\u00b1\u2265\u2264\u2320\u2321\u00f7\u2248\u00b0\u2219\u00b7\u221a\u207f\u00b2\u25a0\u00a0";
static_assert(kLow.size() == 0x20 && kHigh.size() == 0x80);

char32_t glyph(uint8_t character) {
  if (character < 0x20) return kLow[character];
  if (character == 0x7f) return U'\u2302';
  return character < 0x80 ? character : kHigh[character - 0x80];
}

// First byte shown, from the start of text memory.
uint64_t display_start(vmm::Machine& machine) {
  const auto target = machine.bus().find_port(hw::ports::kVga.first);
  const auto* vga = dynamic_cast<const hw::VgaRegisters*>(target.device);
  return vga ? uint64_t{vga->start_address()} * 2 : 0;
}

}  // namespace

std::string cp437_to_utf8(uint8_t character) {
  const char32_t c = glyph(character);
  std::string out;
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  if (c >= 0x800) out += static_cast<char>(0xe0 | c >> 12);
  out += static_cast<char>(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
  out += static_cast<char>(0x80 | (c & 0x3f));
  return out;
}

std::array<std::string, kScreenRows> text_screen(vmm::Machine& machine) {
  std::array<std::string, kScreenRows> rows;
  const uint64_t start = display_start(machine);
  for (unsigned y = 0; y < kScreenRows; ++y) {
    std::string blanks;
    for (unsigned x = 0; x < kScreenColumns; ++x) {
      uint8_t character = 0;
      machine.memory().read(vmm::layout::kVgaText + (start + (y * kScreenColumns + x) * 2) % kTextBytes, character);
      if (glyph(character) == U' ') {
        blanks += ' ';
        continue;
      }
      rows[y] += blanks + cp437_to_utf8(character);
      blanks.clear();
    }
  }
  return rows;
}

}  // namespace ringside::sim
