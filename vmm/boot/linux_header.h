// The setup header of a bzImage [Linux Documentation/arch/x86/boot.rst "The Real-Mode Kernel Header"]: parsed and checked, nothing
// loaded. Called by the Linux loader and by whoever wants to know what an image is.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "traces/base/result.h"

namespace ringside::vmm {

// Offsets in the image and, the same, in boot_params.
namespace setup_field {
constexpr unsigned kSetupSectors = 0x1f1, kSysSize = 0x1f4, kBootFlag = 0x1fe, kJumpLength = 0x201, kMagic = 0x202, kVersion = 0x206,
                   kKernelVersion = 0x20e, kLoaderType = 0x210, kLoadFlags = 0x211, kCode32Start = 0x214, kRamdiskImage = 0x218,
                   kRamdiskSize = 0x21c, kCommandLine = 0x228, kInitrdMax = 0x22c, kAlignment = 0x230, kRelocatable = 0x234,
                   kXloadFlags = 0x236, kCommandLineSize = 0x238, kPayloadOffset = 0x248, kPayloadLength = 0x24c, kSetupData = 0x250,
                   kPreferredAddress = 0x258, kInitSize = 0x260, kEnd = 0x268;
}
constexpr uint32_t kSetupMagic = 0x53726448;  // "HdrS"

struct LinuxHeader {
  uint16_t version = 0;               // of the boot protocol, 0x020f is 2.15
  uint64_t setup_bytes = 0;           // real-mode part at the start of the file; the protected-mode kernel follows
  uint64_t kernel_bytes = 0;          // of the protected-mode kernel
  uint64_t preferred_address = 0x100000;
  uint64_t init_size = 0;             // memory it needs from there on
  uint64_t alignment = 0x100000;
  bool relocatable = false;
  bool has_64bit_entry = false;       // at 0x200 of the protected-mode kernel
  uint32_t initrd_max = 0x37ffffff;   // last address an initrd may use
  uint32_t command_line_max = 255;    // without the closing zero
  uint64_t payload_offset = 0;        // of the compressed kernel, in the file; 0: none
  uint64_t payload_bytes = 0;
  std::string kernel_version;         // "6.1.0-56-cloud-amd64 (...) ..."
};

// True if the image has the header's magic where a bzImage has it.
bool is_bzimage(std::span<const uint8_t> image);
Result<LinuxHeader> parse_linux_header(std::span<const uint8_t> image);

}  // namespace ringside::vmm
