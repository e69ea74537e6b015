#include "vmm/boot/elf_notes.h"

#include <cstring>

#include "vmm/boot/byte_view.h"
#include "vmm/boot/elf_image.h"

namespace ringside::vmm {
namespace {

constexpr uint32_t kNoteSegment = 4;
constexpr unsigned kMostSegments = 256;
constexpr uint64_t aligned(uint64_t bytes) { return (bytes + 3) & ~uint64_t{3}; }

// One segment's notes: name size, value size, type, name, value, each padded to four bytes.
std::optional<uint64_t> find_in(const ByteView& notes, std::string_view owner, uint32_t type) {
  for (uint64_t at = 0; notes.has(at, 12);) {
    const uint64_t name_bytes = notes.at<uint32_t>(at), value_bytes = notes.at<uint32_t>(at + 4);
    const uint64_t name = at + 12, value = name + aligned(name_bytes);
    if (!notes.has(name, name_bytes) || !notes.has(value, value_bytes)) return std::nullopt;
    const bool ours = name_bytes == owner.size() + 1 && std::memcmp(notes.part(name, name_bytes).data(), owner.data(), owner.size()) == 0;
    if (ours && notes.at<uint32_t>(at + 8) == type) {
      if (value_bytes == 8) return notes.at<uint64_t>(value);
      if (value_bytes == 4) return notes.at<uint32_t>(value);
      return std::nullopt;
    }
    at = value + aligned(value_bytes);
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> elf_note(std::span<const uint8_t> image, std::string_view owner, uint32_t type) {
  const ByteView view(image);
  if (!is_elf(image) || view.at<uint8_t>(4) != 2) return std::nullopt;
  const uint64_t table = view.at<uint64_t>(32);
  const unsigned entry_bytes = view.at<uint16_t>(54), count = view.at<uint16_t>(56);
  if (count > kMostSegments || entry_bytes < 56 || !view.has(table, uint64_t{entry_bytes} * count)) return std::nullopt;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t at = table + uint64_t{i} * entry_bytes;
    if (view.at<uint32_t>(at) != kNoteSegment) continue;
    if (const auto found = find_in(view.part(view.at<uint64_t>(at + 8), view.at<uint64_t>(at + 32)), owner, type)) return found;
  }
  return std::nullopt;
}

}  // namespace ringside::vmm
