// Placement of kernel, initrd, command line and boot_params, and the entry state.
#include "vmm/boot/linux.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "traces/base/text.h"
#include "vmm/boot/decompress.h"
#include "vmm/boot/elf_image.h"
#include "vmm/boot/layout.h"
#include "vmm/boot/linux_header.h"
#include "vmm/boot/linux_params.h"
#include "vmm/boot/start_mode.h"

namespace ringside::vmm {

using text::tr;

namespace {

// What is to be placed, decided before anything is written.
struct KernelPlan {
  std::vector<uint8_t> unpacked;            // owns a decompressed kernel
  std::span<const uint8_t> file;            // the ELF file, or the protected-mode part of the bzImage
  std::optional<ElfImage> elf;
  GuestPhysical load, entry;
  uint64_t bytes = 0;                       // memory it needs from `load` on, initrd excluded
  StartMode mode = StartMode::kLong;
  uint32_t initrd_max = 0x7fffffff;
  uint32_t command_line_max = 2047;
  std::string description;
};

std::vector<PlacedRegion> start_structures() {
  return {{"the start state's descriptor table", layout::kGdt, 0x100},
          {"boot_params", layout::kBootParams, kPageSize},
          {"the start state's page tables", layout::kPageTables, layout::kPageTablesBytes},
          {"the command line", layout::kCommandLine, layout::kCommandLineBytes}};
}

Result<void> plan_elf(KernelPlan& plan, std::span<const uint8_t> file) {
  BOOST_OUTCOME_TRY(elf, parse_elf(file));
  if (!elf.physical_entry(plan.entry)) return fail(ExitCode::kInput, tr("vmm.elf.entry", elf.entry));
  plan.file = file;
  plan.load = elf.first();
  plan.bytes = std::max(plan.bytes, elf.end() - elf.first());
  plan.mode = elf.elf_class == ElfClass::k64 ? StartMode::kLong : StartMode::kProtected;
  plan.elf = std::move(elf);
  return success();
}

// The bzImage's own entry: the protected-mode kernel is copied as it is.
void plan_self_start(KernelPlan& plan, std::span<const uint8_t> image, const LinuxHeader& header) {
  constexpr uint64_t kEntry64 = 0x200;
  plan.file = image.subspan(header.setup_bytes);
  plan.load = GuestPhysical(header.preferred_address);
  plan.bytes = header.init_size;
  plan.mode = header.has_64bit_entry ? StartMode::kLong : StartMode::kProtected;
  plan.entry = plan.load + (header.has_64bit_entry ? kEntry64 : 0);
}

Result<KernelPlan> plan_bzimage(hw::PhysicalMemory& memory, std::span<const uint8_t> image, DecompressBy by) {
  BOOST_OUTCOME_TRY(header, parse_linux_header(image));
  KernelPlan plan;
  plan.initrd_max = header.initrd_max;
  plan.command_line_max = header.command_line_max;
  const std::string name = header.kernel_version.empty() ? "(no version)" : header.kernel_version;
  if (by == DecompressBy::kGuest || header.payload_bytes == 0) {
    plan_self_start(plan, image, header);
    plan.description = tr(header.payload_bytes ? "vmm.linux.by-guest" : "vmm.linux.as-is", name);
    return plan;
  }
  const auto payload = image.subspan(header.payload_offset, header.payload_bytes);
  // The unpacked file may be larger than RAM (debug sections), but a limit there must be.
  constexpr uint64_t kLargestKernel = 1ull << 30;
  BOOST_OUTCOME_TRY(unpacked, decompress(payload, std::min<uint64_t>(kLargestKernel, memory.size() * 2)));
  plan.unpacked = std::move(unpacked);
  plan.bytes = header.init_size;
  BOOST_OUTCOME_TRY(plan_elf(plan, plan.unpacked));
  plan.description = tr("vmm.linux.by-host", name, name_of(compression_of(payload)));
  return plan;
}

Result<KernelPlan> plan_vmlinux(std::span<const uint8_t> image) {
  KernelPlan plan;
  BOOST_OUTCOME_TRY(plan_elf(plan, image));
  plan.description = tr("vmm.linux.vmlinux");
  return plan;
}

// As high as the kernel allows, below the hole, page-aligned, clear of the kernel.
Result<GuestPhysical> place_initrd(const hw::PhysicalMemory& memory, const KernelPlan& plan, uint64_t bytes) {
  const uint64_t top = std::min<uint64_t>(memory.low_size(), uint64_t{plan.initrd_max} + 1);
  const uint64_t kernel_end = plan.load.value + plan.bytes;
  if (bytes <= top) {
    const uint64_t start = (top - bytes) & ~(kPageSize - 1);
    if (start >= std::max(kernel_end, layout::kExtendedMemory.value)) return GuestPhysical(start);
  }
  return fail(ExitCode::kUsage, tr("vmm.linux.initrd-too-large", bytes >> 10, memory.size() >> 20, (kernel_end + bytes + (1 << 20)) >> 20));
}

Result<void> check_kernel(const hw::PhysicalMemory& memory, const KernelPlan& plan) {
  const uint64_t end = plan.load.value + plan.bytes;
  if (plan.load < layout::kExtendedMemory || end < plan.load.value || end > 0xffffffff)
    return fail(ExitCode::kInput, tr("vmm.linux.address", plan.load.value, plan.bytes));
  if (!memory.contains(plan.load, plan.bytes)) return fail(ExitCode::kUsage, tr("vmm.linux.ram", memory.size() >> 20, (end >> 20) + 1));
  return success();
}

Result<void> check_command_line(const KernelPlan& plan, const std::string& line) {
  const uint64_t most = std::min<uint64_t>(plan.command_line_max, layout::kCommandLineBytes - 1);
  if (line.size() > most) return fail(ExitCode::kUsage, tr("vmm.linux.command-line", line.size(), most));
  if (line.find('\0') != std::string::npos) return fail(ExitCode::kUsage, tr("vmm.linux.command-line-zero"));
  return success();
}

Result<void> write_kernel(hw::PhysicalMemory& memory, const KernelPlan& plan) {
  if (plan.elf) return load_segments(memory, plan.file, *plan.elf, start_structures());
  std::memcpy(memory.host(plan.load), plan.file.data(), plan.file.size());
  return success();
}

Result<Registers> entry_registers(hw::PhysicalMemory& memory, const KernelPlan& plan) {
  // Both entries: flat segments, interrupts off, RSI holds the address of boot_params [boot.rst "64-bit Boot Protocol"].
  BOOST_OUTCOME_TRY(registers, plan.mode == StartMode::kLong ? long_mode_registers(memory, plan.entry)
                                                            : protected_mode_registers(memory, plan.entry));
  registers.gpr[hw::kRsi] = layout::kBootParams.value;
  return registers;
}

}  // namespace

Result<BootState> load_linux(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const LinuxOptions& options) {
  const bool bzimage = is_bzimage(image);
  if (!bzimage && !is_elf(image)) return fail(ExitCode::kInput, tr("vmm.linux.no-magic"));
  BOOST_OUTCOME_TRY(plan, bzimage ? plan_bzimage(memory, image, options.decompress) : plan_vmlinux(image));
  BOOST_OUTCOME_TRY(check_kernel(memory, plan));
  BOOST_OUTCOME_TRY(check_command_line(plan, options.command_line));
  GuestPhysical initrd;
  if (!options.initrd.empty()) {
    BOOST_OUTCOME_TRY(place, place_initrd(memory, plan, options.initrd.size()));
    initrd = place;
  }

  BootParams params = bzimage ? BootParams(image) : BootParams();
  params.set_text_screen();
  params.set_command_line(layout::kCommandLine, static_cast<uint32_t>(options.command_line.size()));
  if (!options.initrd.empty()) params.set_initrd(initrd, options.initrd.size());
  params.set_kernel_address(plan.load);
  params.set_acpi_rsdp(options.acpi_rsdp);
  params.set_memory_map(memory_map(memory));

  BootState state;
  BOOST_OUTCOME_TRY(write_kernel(memory, plan));
  BOOST_OUTCOME_TRY(registers, entry_registers(memory, plan));
  if (!params.write_to(memory, layout::kBootParams)) return fail(ExitCode::kUsage, tr("vmm.boot.ram-too-small", memory.size() >> 20));
  std::memcpy(memory.host(layout::kCommandLine), options.command_line.c_str(), options.command_line.size() + 1);
  if (!options.initrd.empty()) std::memcpy(memory.host(initrd), options.initrd.data(), options.initrd.size());

  state.registers = registers;
  state.description = plan.description;
  state.regions = start_structures();
  state.regions.push_back({"kernel", plan.load, plan.bytes});
  if (!options.initrd.empty()) state.regions.push_back({"initrd", initrd, options.initrd.size()});
  return state;
}

}  // namespace ringside::vmm
