// Reading ELF symbol tables [System V ABI, "Sections", "Symbol Table", "String Table"].
#include "vmm/boot/elf_symbols.h"

#include <optional>

#include "traces/base/text.h"
#include "vmm/boot/byte_view.h"
#include "vmm/boot/elf_image.h"

namespace ringside::vmm {

using text::tr;

namespace {

constexpr uint32_t kSymbolTable = 2;
constexpr uint16_t kUndefined = 0;

// Where the fields stand in the two classes: of the header, of a section header, of a symbol.
struct Layout {
  unsigned shoff, shentsize, shnum;
  unsigned s_type, s_offset, s_size, s_link, s_entsize, s_bytes;
  unsigned y_value, y_section, y_bytes, word;
};
constexpr Layout kLayout32 = {32, 46, 48, 4, 16, 20, 24, 36, 40, 4, 14, 16, 4};
constexpr Layout kLayout64 = {40, 58, 60, 4, 24, 32, 40, 56, 64, 8, 6, 24, 8};

uint64_t word_at(const ByteView& view, uint64_t offset, const Layout& layout) {
  return layout.word == 8 ? view.at<uint64_t>(offset) : view.at<uint32_t>(offset);
}

struct Sections {
  const ByteView& view;
  const Layout& layout;
  uint64_t table, entry_bytes;
  unsigned count;

  uint64_t header(unsigned index) const { return table + index * entry_bytes; }
  uint32_t type(unsigned index) const { return view.at<uint32_t>(header(index) + layout.s_type); }
  uint32_t link(unsigned index) const { return view.at<uint32_t>(header(index) + layout.s_link); }
  std::span<const uint8_t> contents(unsigned index) const {
    return view.part(word_at(view, header(index) + layout.s_offset, layout), word_at(view, header(index) + layout.s_size, layout));
  }
};

// Whether the text at `offset` of a string table is `name`.
bool names(std::span<const uint8_t> strings, uint64_t offset, std::string_view name) {
  if (offset >= strings.size() || strings.size() - offset <= name.size() || strings[offset + name.size()] != 0) return false;
  return std::string_view(reinterpret_cast<const char*>(strings.data()) + offset, name.size()) == name;
}

std::optional<uint64_t> look_up(std::span<const uint8_t> symbols, std::span<const uint8_t> strings, const Layout& layout, std::string_view name) {
  const ByteView view(symbols);
  for (uint64_t at = 0; view.has(at, layout.y_bytes); at += layout.y_bytes) {
    const bool defined = view.at<uint16_t>(at + layout.y_section) != kUndefined;
    if (defined && names(strings, view.at<uint32_t>(at), name)) return word_at(view, at + layout.y_value, layout);
  }
  return std::nullopt;
}

}  // namespace

Result<uint64_t> symbol_address(std::span<const uint8_t> image, std::string_view name) {
  if (!is_elf(image)) return fail(ExitCode::kInput, tr("vmm.symbols.no_elf", name));
  const ByteView view(image);
  const Layout& layout = view.at<uint8_t>(4) == 1 ? kLayout32 : kLayout64;
  const Sections sections{view, layout, word_at(view, layout.shoff, layout), view.at<uint16_t>(layout.shentsize), view.at<uint16_t>(layout.shnum)};
  bool any = false;
  if (sections.entry_bytes >= layout.s_bytes && view.has(sections.table, sections.entry_bytes * sections.count)) {
    for (unsigned i = 0; i < sections.count; ++i) {
      if (sections.type(i) != kSymbolTable || sections.link(i) >= sections.count) continue;
      any = true;
      if (const auto address = look_up(sections.contents(i), sections.contents(sections.link(i)), layout, name)) return *address;
    }
  }
  return fail(ExitCode::kInput, tr(any ? "vmm.symbols.unknown" : "vmm.symbols.stripped", name));
}

}  // namespace ringside::vmm
