// Files, detection and dispatch.
#include "vmm/boot/guest_image.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "traces/base/text.h"
#include "vmm/boot/elf_image.h"
#include "vmm/boot/linux_header.h"
#include "vmm/boot/pv_guest.h"

namespace ringside::vmm {

using text::tr;

Result<std::vector<uint8_t>> read_image(const std::string& path, uint64_t limit) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail(ExitCode::kInput, tr("vmm.image.cannot-read", path, std::generic_category().message(errno)));
  if (!S_ISREG(status.st_mode)) return fail(ExitCode::kInput, tr("vmm.image.no-file", path));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) return fail(ExitCode::kInput, tr("vmm.image.empty", path));
  if (size > limit) return fail(ExitCode::kInput, tr("vmm.image.too-large", path, size >> 20, limit >> 20));
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes(size);
  if (!file || !file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    return fail(ExitCode::kInput, tr("vmm.image.cannot-read", path, std::generic_category().message(errno ? errno : EIO)));
  return bytes;
}

std::string_view name_of(GuestKind kind) {
  switch (kind) {
    case GuestKind::kLinux: return "linux";
    case GuestKind::kMultiboot1: return "multiboot";
    case GuestKind::kFlat: return "flat";
    case GuestKind::kPv: return "pv";
  }
  return "";
}

Result<GuestKind> guest_kind_of(std::string_view name) {
  for (const GuestKind kind : {GuestKind::kLinux, GuestKind::kMultiboot1, GuestKind::kFlat, GuestKind::kPv})
    if (name == name_of(kind)) return kind;
  return fail(ExitCode::kUsage, tr("vmm.image.unknown-kind", name));
}

Result<GuestKind> detect_guest(std::span<const uint8_t> image) {
  if (is_bzimage(image)) return GuestKind::kLinux;
  if (is_pv_kernel(image)) return GuestKind::kPv;
  if (is_multiboot1(image)) return GuestKind::kMultiboot1;
  if (is_elf(image)) return GuestKind::kLinux;
  return fail(ExitCode::kInput, tr("vmm.image.unrecognised"));
}

Result<BootState> load_guest(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const GuestOptions& options) {
  switch (options.kind) {
    case GuestKind::kLinux:
      return load_linux(memory, image,
                        {.command_line = options.command_line, .initrd = options.initrd, .decompress = options.decompress, .acpi_rsdp = options.acpi_rsdp});
    case GuestKind::kMultiboot1: return load_multiboot1(memory, image, {.command_line = options.command_line, .modules = options.modules});
    case GuestKind::kFlat: return load_flat(memory, image, options.flat);
    case GuestKind::kPv: return load_pv_guest(memory, image, {.command_line = options.command_line});
  }
  return fail(ExitCode::kUsage, tr("vmm.image.unrecognised"));
}

}  // namespace ringside::vmm
