// Placement and checks of flat images.
#include "vmm/boot/flat.h"

#include <cstring>

#include "traces/base/text.h"
#include "vmm/boot/layout.h"

namespace ringside::vmm {

using text::tr;

namespace {

std::vector<PlacedRegion> start_structures(StartMode mode) {
  std::vector<PlacedRegion> regions;
  if (mode != StartMode::kReal) regions.push_back({"the start state's descriptor table", layout::kGdt, 0x100});
  if (mode == StartMode::kLong) regions.push_back({"the start state's page tables", layout::kPageTables, layout::kPageTablesBytes});
  return regions;
}

}  // namespace

Result<BootState> load_flat(hw::PhysicalMemory& memory, std::span<const uint8_t> image, const FlatOptions& options) {
  const GuestPhysical load = options.load.value_or(options.mode == StartMode::kReal ? layout::kBootSector : layout::kDefaultLoad);
  const GuestPhysical entry = options.entry.value_or(load);
  if (image.empty()) return fail(ExitCode::kInput, tr("vmm.flat.empty"));
  if (!memory.contains(load, image.size())) return fail(ExitCode::kUsage, tr("vmm.flat.ram", image.size(), load.value, memory.size() >> 20));
  if (entry < load || entry - load >= image.size()) return fail(ExitCode::kUsage, tr("vmm.flat.entry", entry.value, load.value, image.size()));
  if (options.mode == StartMode::kReal && entry >= layout::kExtendedMemory) return fail(ExitCode::kUsage, tr("vmm.flat.real-entry", entry.value));
  if (options.mode != StartMode::kReal && entry.value > 0xffffffff) return fail(ExitCode::kUsage, tr("vmm.flat.entry", entry.value, load.value, image.size()));

  BootState state;
  state.regions = start_structures(options.mode);
  for (const PlacedRegion& region : state.regions)
    if (overlap(load, image.size(), region.address, region.bytes))
      return fail(ExitCode::kUsage, tr("vmm.elf.on-structures", load.value, image.size(), region.what, region.address.value));
  std::memcpy(memory.host(load), image.data(), image.size());
  switch (options.mode) {
    case StartMode::kReal: state.registers = real_mode_registers(entry); break;
    case StartMode::kProtected: {
      BOOST_OUTCOME_TRY(registers, protected_mode_registers(memory, entry));
      state.registers = registers;
      break;
    }
    case StartMode::kLong: {
      BOOST_OUTCOME_TRY(registers, long_mode_registers(memory, entry));
      state.registers = registers;
      break;
    }
  }
  state.description = tr("vmm.flat.description", name_of(options.mode), load.value);
  state.regions.push_back({"image", load, image.size()});
  return state;
}

}  // namespace ringside::vmm
