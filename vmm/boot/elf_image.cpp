// Reading ELF headers [System V ABI, "ELF Header", "Program Header"].
#include "vmm/boot/elf_image.h"

#include <algorithm>
#include <cstring>

#include "traces/base/text.h"
#include "vmm/boot/byte_view.h"

namespace ringside::vmm {

using text::tr;

namespace {

constexpr uint16_t kExecutable = 2, kShared = 3, kMachine386 = 3, kMachineX86_64 = 62;
constexpr uint32_t kLoad = 1;
constexpr unsigned kMostSegments = 256;  // kernels have below ten

// Where the fields stand in the two classes.
struct Layout {
  unsigned entry, phoff, phentsize, phnum, header_bytes;
  unsigned p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_bytes, word;
};
constexpr Layout kLayout32 = {24, 28, 42, 44, 52, 4, 8, 12, 16, 20, 32, 4};
constexpr Layout kLayout64 = {24, 32, 54, 56, 64, 8, 16, 24, 32, 40, 56, 8};

uint64_t word_at(const ByteView& view, uint64_t offset, const Layout& layout) {
  return layout.word == 8 ? view.at<uint64_t>(offset) : view.at<uint32_t>(offset);
}

Result<ElfSegment> parse_segment(const ByteView& view, uint64_t at, const Layout& layout, unsigned index) {
  ElfSegment s;
  s.file_offset = word_at(view, at + layout.p_offset, layout);
  s.virtual_address = word_at(view, at + layout.p_vaddr, layout);
  s.address = GuestPhysical(word_at(view, at + layout.p_paddr, layout));
  s.file_bytes = word_at(view, at + layout.p_filesz, layout);
  s.memory_bytes = word_at(view, at + layout.p_memsz, layout);
  if (s.file_bytes > s.memory_bytes) return fail(ExitCode::kInput, tr("vmm.elf.sizes", index, s.file_bytes, s.memory_bytes));
  if (!view.has(s.file_offset, s.file_bytes))
    return fail(ExitCode::kInput, tr("vmm.elf.truncated-segment", index, s.file_offset, s.file_bytes, view.size()));
  if (s.address.value + s.memory_bytes < s.address.value)
    return fail(ExitCode::kInput, tr("vmm.elf.wraps", index, s.address.value, s.memory_bytes));
  return s;
}

}  // namespace

bool is_elf(std::span<const uint8_t> image) {
  return image.size() >= 4 && std::memcmp(image.data(), "\x7f" "ELF", 4) == 0;
}

Result<ElfImage> parse_elf(std::span<const uint8_t> image) {
  const ByteView view(image);
  if (!is_elf(image)) return fail(ExitCode::kInput, tr("vmm.elf.no-magic"));
  const auto elf_class = view.at<uint8_t>(4), data = view.at<uint8_t>(5);
  if (elf_class != 1 && elf_class != 2) return fail(ExitCode::kInput, tr("vmm.elf.bad-class", elf_class));
  const Layout& layout = elf_class == 1 ? kLayout32 : kLayout64;
  if (!view.has(0, layout.header_bytes)) return fail(ExitCode::kInput, tr("vmm.elf.truncated", view.size(), layout.header_bytes));
  if (data != 1) return fail(ExitCode::kInput, tr("vmm.elf.big-endian"));
  const auto type = view.at<uint16_t>(16), machine = view.at<uint16_t>(18);
  if (machine != kMachine386 && machine != kMachineX86_64) return fail(ExitCode::kInput, tr("vmm.elf.machine", machine));
  if (type != kExecutable && type != kShared) return fail(ExitCode::kInput, tr("vmm.elf.type", type));

  ElfImage elf;
  elf.elf_class = static_cast<ElfClass>(elf_class);
  elf.entry = word_at(view, layout.entry, layout);
  const uint64_t table = word_at(view, layout.phoff, layout);
  const unsigned entry_bytes = view.at<uint16_t>(layout.phentsize), count = view.at<uint16_t>(layout.phnum);
  if (count == 0 || count > kMostSegments || entry_bytes < layout.p_bytes || !view.has(table, uint64_t{entry_bytes} * count))
    return fail(ExitCode::kInput, tr("vmm.elf.program-headers", count, table, view.size()));
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t at = table + uint64_t{i} * entry_bytes;
    if (view.at<uint32_t>(at) != kLoad) continue;
    BOOST_OUTCOME_TRY(segment, parse_segment(view, at, layout, i));
    if (segment.memory_bytes) elf.segments.push_back(segment);
  }
  if (elf.segments.empty()) return fail(ExitCode::kInput, tr("vmm.elf.nothing-to-load"));
  for (size_t i = 0; i < elf.segments.size(); ++i)
    for (size_t j = i + 1; j < elf.segments.size(); ++j)
      if (overlap(elf.segments[i].address, elf.segments[i].memory_bytes, elf.segments[j].address, elf.segments[j].memory_bytes))
        return fail(ExitCode::kInput, tr("vmm.elf.overlap", elf.segments[i].address.value, elf.segments[j].address.value));
  return elf;
}

bool ElfImage::physical_entry(GuestPhysical& out) const {
  for (const ElfSegment& s : segments)
    if (entry >= s.address.value && entry - s.address.value < s.memory_bytes) {
      out = GuestPhysical(entry);
      return true;
    }
  for (const ElfSegment& s : segments)
    if (entry >= s.virtual_address && entry - s.virtual_address < s.memory_bytes) {
      out = s.address + (entry - s.virtual_address);
      return true;
    }
  return false;
}

GuestPhysical ElfImage::first() const {
  GuestPhysical result{~0ull};
  for (const ElfSegment& s : segments) result = std::min(result, s.address);
  return result;
}

GuestPhysical ElfImage::end() const {
  GuestPhysical result;
  for (const ElfSegment& s : segments) result = std::max(result, s.address + s.memory_bytes);
  return result;
}

Result<void> load_segments(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const ElfImage& elf,
                           std::span<const PlacedRegion> keep_free) {
  // Everything is checked before anything is written.
  for (const ElfSegment& s : elf.segments) {
    if (!memory.contains(s.address, s.memory_bytes))
      return fail(ExitCode::kInput, tr("vmm.elf.outside-ram", s.address.value, s.memory_bytes, memory.size() >> 20));
    for (const PlacedRegion& region : keep_free)
      if (overlap(s.address, s.memory_bytes, region.address, region.bytes))
        return fail(ExitCode::kInput, tr("vmm.elf.on-structures", s.address.value, s.memory_bytes, region.what, region.address.value));
  }
  for (const ElfSegment& s : elf.segments) {
    uint8_t* const target = memory.host(s.address);
    if (s.file_bytes) std::memcpy(target, image.data() + s.file_offset, s.file_bytes);
    std::memset(target + s.file_bytes, 0, s.memory_bytes - s.file_bytes);
  }
  return success();
}

}  // namespace ringside::vmm
