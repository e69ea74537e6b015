// Parsing and checking of the setup header.
#include "vmm/boot/linux_header.h"

#include <algorithm>

#include "traces/base/text.h"
#include "vmm/boot/byte_view.h"

namespace ringside::vmm {

using text::tr;
namespace f = setup_field;

namespace {

constexpr uint16_t kVersion2_06 = 0x206, kVersion2_08 = 0x208, kVersion2_10 = 0x20a, kVersion2_12 = 0x20c;
constexpr uint8_t kLoadedHigh = 1;
constexpr uint16_t kXlfKernel64 = 1;

std::string kernel_version(const ByteView& view, uint64_t setup_bytes) {
  const uint64_t offset = view.at<uint16_t>(f::kKernelVersion);
  if (offset == 0) return "";
  std::string text;
  constexpr size_t kLongest = 128;
  for (uint64_t at = offset + 0x200; at < setup_bytes && text.size() < kLongest; ++at) {
    const char c = static_cast<char>(view.at<uint8_t>(at));
    if (c < ' ' || c > '~') break;
    text += c;
  }
  return text;
}

}  // namespace

bool is_bzimage(std::span<const uint8_t> image) {
  const ByteView view(image);
  return view.at<uint32_t>(f::kMagic) == kSetupMagic && view.at<uint16_t>(f::kBootFlag) == 0xaa55;
}

Result<LinuxHeader> parse_linux_header(std::span<const uint8_t> image) {
  const ByteView view(image);
  if (!is_bzimage(image)) return fail(ExitCode::kInput, tr("vmm.linux.no-magic"));
  if (!view.has(0, f::kEnd)) return fail(ExitCode::kInput, tr("vmm.linux.truncated", view.size(), unsigned{f::kEnd}));
  LinuxHeader h;
  h.version = view.at<uint16_t>(f::kVersion);
  if (h.version < kVersion2_06) return fail(ExitCode::kInput, tr("vmm.linux.too-old", h.version >> 8, h.version & 0xff));
  if (!(view.at<uint8_t>(f::kLoadFlags) & kLoadedHigh)) return fail(ExitCode::kInput, tr("vmm.linux.zimage"));

  const uint64_t sectors = view.at<uint8_t>(f::kSetupSectors);
  h.setup_bytes = ((sectors ? sectors : 4) + 1) * 512;  // 0 means 4 for historical reasons
  const uint64_t announced = uint64_t{view.at<uint32_t>(f::kSysSize)} * 16;
  // syssize is rounded up to paragraphs, so up to 15 bytes may be missing at the end; more may follow (signatures).
  if (h.setup_bytes >= view.size() || announced > view.size() - h.setup_bytes + 15)
    return fail(ExitCode::kInput, tr("vmm.linux.truncated", view.size(), h.setup_bytes + announced));
  h.kernel_bytes = view.size() - h.setup_bytes;

  h.initrd_max = view.at<uint32_t>(f::kInitrdMax);
  h.command_line_max = view.at<uint32_t>(f::kCommandLineSize);
  h.relocatable = view.at<uint8_t>(f::kRelocatable) != 0;
  h.alignment = std::max<uint64_t>(view.at<uint32_t>(f::kAlignment), 1);
  if (h.version >= kVersion2_08) {
    h.payload_bytes = view.at<uint32_t>(f::kPayloadLength);
    const uint64_t offset = view.at<uint32_t>(f::kPayloadOffset);
    if (h.payload_bytes) {
      h.payload_offset = h.setup_bytes + offset;
      if (!view.has(h.payload_offset, h.payload_bytes))
        return fail(ExitCode::kInput, tr("vmm.linux.payload-outside", h.payload_offset, h.payload_bytes, view.size()));
    }
  }
  if (h.version >= kVersion2_10) {
    h.preferred_address = view.at<uint64_t>(f::kPreferredAddress);
    h.init_size = view.at<uint32_t>(f::kInitSize);
  }
  h.init_size = std::max(h.init_size, h.kernel_bytes);
  if (h.version >= kVersion2_12) h.has_64bit_entry = view.at<uint16_t>(f::kXloadFlags) & kXlfKernel64;
  h.kernel_version = kernel_version(view, h.setup_bytes);
  return h;
}

}  // namespace ringside::vmm
