// The fields of boot_params.
#include "vmm/boot/linux_params.h"

#include <algorithm>

#include "vmm/boot/byte_view.h"
#include "vmm/boot/linux_header.h"

namespace ringside::vmm {

namespace f = setup_field;

namespace {

// Fields outside the setup header.
constexpr unsigned kVideoMode = 0x06, kVideoColumns = 0x07, kVideoLines = 0x0e, kIsVga = 0x0f, kVideoPoints = 0x10, kAcpiRsdp = 0x70,
                   kE820Entries = 0x1e8, kE820Table = 0x2d0;
constexpr unsigned kE820Bytes = 20, kMostE820 = 128;
constexpr uint8_t kUndefinedLoader = 0xff;
constexpr uint8_t kLoadedHigh = 1 << 0, kKaslr = 1 << 1;

}  // namespace

BootParams::BootParams() {
  put<uint16_t>(f::kBootFlag, 0xaa55);
  put<uint32_t>(f::kMagic, kSetupMagic);
  put<uint16_t>(f::kVersion, 0x20f);
  put<uint8_t>(f::kLoaderType, kUndefinedLoader);
  put<uint8_t>(f::kLoadFlags, kLoadedHigh);
}

BootParams::BootParams(std::span<const uint8_t> bzimage) {
  const ByteView view(bzimage);
  // The header reaches from 0x1f1 to 0x202 plus the byte at 0x201 [boot.rst "Loading the Rest of the Kernel"]; no further than the
  // fields end that boot_params reserves for it (0x290).
  const unsigned end = std::min(f::kMagic + view.at<uint8_t>(f::kJumpLength), 0x290u);
  const auto header = view.part(f::kSetupSectors, end > f::kSetupSectors ? end - f::kSetupSectors : 0);
  std::copy(header.begin(), header.end(), page_.begin() + f::kSetupSectors);
  put<uint8_t>(f::kLoaderType, kUndefinedLoader);
  // No address randomisation: the kernel is entered where it is linked, and runs must repeat.
  put<uint8_t>(f::kLoadFlags, static_cast<uint8_t>((page_[f::kLoadFlags] | kLoadedHigh) & ~kKaslr));
  put<uint64_t>(f::kSetupData, 0);
}

void BootParams::set_text_screen() {
  put<uint8_t>(kVideoMode, 3);  // 80x25 colour text
  put<uint8_t>(kVideoColumns, 80);
  put<uint8_t>(kVideoLines, 25);
  put<uint8_t>(kIsVga, 1);
  put<uint16_t>(kVideoPoints, 16);
}

void BootParams::set_command_line(GuestPhysical address, uint32_t bytes) {
  put<uint32_t>(f::kCommandLine, static_cast<uint32_t>(address.value));
  put<uint32_t>(f::kCommandLineSize, std::max(bytes, ByteView(page_).at<uint32_t>(f::kCommandLineSize)));
}

void BootParams::set_initrd(GuestPhysical address, uint64_t bytes) {
  put<uint32_t>(f::kRamdiskImage, static_cast<uint32_t>(address.value));
  put<uint32_t>(f::kRamdiskSize, static_cast<uint32_t>(bytes));
}

void BootParams::set_kernel_address(GuestPhysical address) { put<uint32_t>(f::kCode32Start, static_cast<uint32_t>(address.value)); }

void BootParams::set_acpi_rsdp(GuestPhysical address) { put<uint64_t>(kAcpiRsdp, address.value); }

void BootParams::set_memory_map(const std::vector<MemoryMapEntry>& map) {
  const size_t count = std::min<size_t>(map.size(), kMostE820);
  put<uint8_t>(kE820Entries, static_cast<uint8_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const unsigned at = kE820Table + static_cast<unsigned>(i) * kE820Bytes;
    put<uint64_t>(at, map[i].start.value);
    put<uint64_t>(at + 8, map[i].bytes);
    put<uint32_t>(at + 16, static_cast<uint32_t>(map[i].type));
  }
}

}  // namespace ringside::vmm
