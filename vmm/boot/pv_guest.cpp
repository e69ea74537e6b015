#include "vmm/boot/pv_guest.h"

#include "traces/base/text.h"
#include "vmm/boot/elf_image.h"
#include "vmm/boot/elf_notes.h"
#include "vmm/boot/pv_start.h"
#include "vmm/techniques/pv/interface/ringside_pv.h"

namespace ringside::vmm {

using text::tr;

namespace {
constexpr std::string_view kOwner = "Ringside";
constexpr uint64_t kLargePage = 2 << 20, kHighest = uint64_t{1} << 47;
}  // namespace

bool is_pv_kernel(std::span<const uint8_t> image) { return elf_note(image, kOwner, kPvNoteInterface).has_value(); }

Result<BootState> load_pv_guest(hw::PhysicalMemory& machine_memory, std::span<const uint8_t> image, const PvGuestOptions& options) {
  const auto interface = elf_note(image, kOwner, kPvNoteInterface), entry = elf_note(image, kOwner, kPvNoteEntry);
  const uint64_t virt_base = elf_note(image, kOwner, kPvNoteVirtBase).value_or(0);
  if (!interface || !entry) return fail(ExitCode::kInput, tr("vmm.pv.no_notes"));
  if (*interface >> 16 != kPvInterfaceMajor) return fail(ExitCode::kInput, tr("vmm.pv.interface", *interface >> 16, static_cast<int>(kPvInterfaceMajor)));
  if (virt_base % kLargePage || virt_base >= kHighest / 2) return fail(ExitCode::kInput, tr("vmm.pv.virt_base", virt_base));
  BOOST_OUTCOME_TRY(elf, parse_elf(image));

  const PvMemory memory(machine_memory);
  for (const ElfSegment& s : elf.segments)
    if (s.address.value < kPageSize || !memory.contains(s.address.value, s.memory_bytes))
      return fail(ExitCode::kInput, tr("vmm.elf.outside-ram", s.address.value, s.memory_bytes, machine_memory.size() >> 20));
  const PvKernel kernel{.entry = *entry, .virt_base = virt_base, .end = elf.end().value};
  if (*entry < virt_base + elf.first().value || *entry >= virt_base + kernel.end) return fail(ExitCode::kInput, tr("vmm.elf.entry", *entry));
  BOOST_OUTCOME_TRY(registers, build_pv_start(memory, kernel, options.command_line));
  for (const ElfSegment& s : elf.segments) {
    memory.copy_in(s.address.value, image.data() + s.file_offset, s.file_bytes);
    memory.clear(s.address.value + s.file_bytes, s.memory_bytes - s.file_bytes);
  }
  BootState state;
  state.registers = registers;
  state.description = tr("vmm.pv.description", *interface >> 16, *interface & 0xffff);
  state.regions.push_back({"kernel", elf.first(), elf.end() - elf.first()});
  return state;
}

}  // namespace ringside::vmm
