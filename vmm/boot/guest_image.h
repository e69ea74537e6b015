// One door to all loaders: reads image files, tells what kind they are, loads them. Called by sim's runner.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"
#include "vmm/boot/flat.h"
#include "vmm/boot/linux.h"
#include "vmm/boot/multiboot1.h"

namespace ringside::vmm {

enum class GuestKind : uint8_t { kLinux, kMultiboot1, kFlat, kPv };

// The whole file, or why not in words (missing, unreadable, a folder, empty, larger than `limit` bytes).
Result<std::vector<uint8_t>> read_image(const std::string& path, uint64_t limit = 4ull << 30);

// "linux", "multiboot", "flat", "pv".
std::string_view name_of(GuestKind kind);
Result<GuestKind> guest_kind_of(std::string_view name);
// bzImage, then a paravirtual kernel's notes, then Multiboot header, then ELF (taken for a vmlinux). Flat images have no mark: asked for, never guessed.
Result<GuestKind> detect_guest(std::span<const uint8_t> image);

struct GuestOptions {
  GuestKind kind = GuestKind::kLinux;
  std::string command_line;
  std::span<const uint8_t> initrd;               // Linux
  DecompressBy decompress = DecompressBy::kHost;  // Linux
  GuestPhysical acpi_rsdp;                       // Linux
  std::vector<MultibootModule> modules;          // Multiboot
  FlatOptions flat;
};

Result<BootState> load_guest(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const GuestOptions& options);

}  // namespace ringside::vmm
