// Finding and checking the Multiboot header, placing kernel, modules and information.
#include "vmm/boot/multiboot1.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "traces/base/text.h"
#include "vmm/boot/byte_view.h"
#include "vmm/boot/elf_image.h"
#include "vmm/boot/layout.h"
#include "vmm/boot/multiboot1_info.h"
#include "vmm/boot/start_mode.h"

namespace ringside::vmm {

using text::tr;

namespace {

constexpr uint32_t kHeaderMagic = 0x1BADB002, kLoaderMagic = 0x2BADB002;
constexpr uint64_t kSearchBytes = 8192;                                  // the header lies wholly in the first 8 KiB
constexpr uint32_t kPageAlign = 1 << 0, kMemoryInfo = 1 << 1, kVideo = 1 << 2, kAddressFields = 1 << 16;
constexpr uint32_t kRequiredFlags = 0xffff;                              // unknown ones of these must be refused
constexpr size_t kMostModules = 64;

struct Header {
  uint64_t offset = 0;
  uint32_t flags = 0;
};

std::optional<Header> find_header(const ByteView& view) {
  const uint64_t end = std::min(kSearchBytes, view.size());
  for (uint64_t at = 0; at + 12 <= end; at += 4) {
    const auto magic = view.at<uint32_t>(at), flags = view.at<uint32_t>(at + 4), checksum = view.at<uint32_t>(at + 8);
    if (magic == kHeaderMagic && static_cast<uint32_t>(magic + flags + checksum) == 0) return Header{at, flags};
  }
  return std::nullopt;
}

// A raw image as one segment, from the header's address fields [Multiboot 3.1.3].
Result<ElfImage> raw_image(const ByteView& view, const Header& header) {
  const auto field = [&](unsigned n) { return view.at<uint32_t>(header.offset + 12 + n * 4); };
  if (!view.has(header.offset, 32)) return fail(ExitCode::kInput, tr("vmm.multiboot.truncated-header", header.offset, view.size()));
  const uint32_t header_address = field(0), load = field(1), load_end = field(2), bss_end = field(3), entry = field(4);
  if (load > header_address || header_address - load > header.offset)
    return fail(ExitCode::kInput, tr("vmm.multiboot.load-address", load, header_address, header.offset));
  ElfSegment s;
  s.address = GuestPhysical(load);
  s.virtual_address = load;
  s.file_offset = header.offset - (header_address - load);
  s.file_bytes = load_end ? uint64_t{load_end} - load : view.size() - s.file_offset;  // 0: to the end of the file
  if ((load_end && load_end < load) || !view.has(s.file_offset, s.file_bytes))
    return fail(ExitCode::kInput, tr("vmm.multiboot.load-end", load, load_end, view.size()));
  s.memory_bytes = std::max<uint64_t>(s.file_bytes, bss_end > load ? bss_end - load : 0);
  if (s.memory_bytes == 0) return fail(ExitCode::kInput, tr("vmm.elf.nothing-to-load"));
  ElfImage image;
  image.elf_class = ElfClass::k32;
  image.entry = entry;
  image.segments = {s};
  return image;
}

std::vector<PlacedRegion> start_structures(uint64_t info_bytes) {
  return {{"the start state's descriptor table", layout::kGdt, 0x100},
          {"the Multiboot information", layout::kCommandLine, info_bytes}};
}

// Modules go page-aligned behind the kernel, one after the other.
Result<std::vector<PlacedModule>> place_modules(const hw::PhysicalMemory& memory, GuestPhysical kernel_end,
                                                const std::vector<MultibootModule>& modules) {
  if (modules.size() > kMostModules) return fail(ExitCode::kUsage, tr("vmm.multiboot.module-count", modules.size(), kMostModules));
  std::vector<PlacedModule> placed;
  uint64_t next = std::max(kernel_end.value, layout::kExtendedMemory.value);
  for (const MultibootModule& module : modules) {
    next = (next + kPageSize - 1) & ~(kPageSize - 1);
    if (!memory.contains(GuestPhysical(next), module.bytes.size()) || next + module.bytes.size() > memory.low_size())
      return fail(ExitCode::kUsage, tr("vmm.multiboot.module-ram", placed.size() + 1, module.bytes.size() >> 10, memory.size() >> 20));
    placed.push_back({GuestPhysical(next), module.bytes.size(), module.command_line});
    next += module.bytes.size();
  }
  return placed;
}

}  // namespace

bool is_multiboot1(std::span<const uint8_t> image) { return find_header(ByteView(image)).has_value(); }

Result<BootState> load_multiboot1(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const MultibootOptions& options) {
  const ByteView view(image);
  const std::optional<Header> header = find_header(view);
  if (!header) return fail(ExitCode::kInput, tr("vmm.multiboot.no-header"));
  if (const uint32_t unknown = header->flags & kRequiredFlags & ~(kPageAlign | kMemoryInfo | kVideo))
    return fail(ExitCode::kInput, tr("vmm.multiboot.flags", unknown));

  // The address fields, where present, win over the ELF headers [Multiboot 3.1.2, flag 16].
  BOOST_OUTCOME_TRY(kernel, header->flags & kAddressFields ? raw_image(view, *header) : parse_elf(image));
  GuestPhysical entry;
  if (!kernel.physical_entry(entry)) return fail(ExitCode::kInput, tr("vmm.elf.entry", kernel.entry));
  if (kernel.end().value > memory.low_size())
    return fail(ExitCode::kInput, tr("vmm.elf.outside-ram", kernel.first().value, kernel.end() - kernel.first(), memory.size() >> 20));
  BOOST_OUTCOME_TRY(modules, place_modules(memory, kernel.end(), options.modules));
  const std::vector<uint8_t> info = multiboot1_info(layout::kCommandLine, memory_map(memory), modules, options.command_line);
  if (info.size() > layout::kCommandLineBytes) return fail(ExitCode::kUsage, tr("vmm.multiboot.texts", info.size(), layout::kCommandLineBytes));

  BOOST_OUTCOME_TRY(load_segments(memory, image, kernel, start_structures(info.size())));
  BOOST_OUTCOME_TRY(registers, protected_mode_registers(memory, entry));
  std::memcpy(memory.host(layout::kCommandLine), info.data(), info.size());
  for (size_t i = 0; i < modules.size(); ++i)
    if (modules[i].bytes) std::memcpy(memory.host(modules[i].start), options.modules[i].bytes.data(), modules[i].bytes);

  // [Multiboot 3.2 "Machine state"].
  registers.gpr[hw::kRax] = kLoaderMagic;
  registers.gpr[hw::kRbx] = layout::kCommandLine.value;
  BootState state;
  state.registers = registers;
  state.description = tr(header->flags & kAddressFields ? "vmm.multiboot.raw" : kernel.elf_class == ElfClass::k64 ? "vmm.multiboot.elf64" : "vmm.multiboot.elf32");
  state.regions = start_structures(info.size());
  state.regions.push_back({"kernel", kernel.first(), kernel.end() - kernel.first()});
  for (const PlacedModule& m : modules) state.regions.push_back({"module " + m.command_line, m.start, m.bytes});
  return state;
}

}  // namespace ringside::vmm
