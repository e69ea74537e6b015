#include "sim/guest_loading.h"

#include "sim/sha256.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

// Loaders see bytes, not names: their sentences get the file's name here.
Error about(const std::string& path, const Error& error) { return fail(error.code, text::tr("sim.about_file", path, error.message)); }

vmm::GuestOptions options_for(const Guest& guest, vmm::GuestKind kind, std::span<const uint8_t> initrd, GuestPhysical acpi_rsdp) {
  vmm::GuestOptions options;
  options.kind = kind;
  options.command_line = guest.command_line;
  options.initrd = initrd;
  options.decompress = guest.decompress;
  options.acpi_rsdp = acpi_rsdp;
  if (!initrd.empty()) options.modules.push_back({initrd, ""});
  if (guest.start_mode) options.flat.mode = *guest.start_mode;
  if (guest.load_address) options.flat.load = GuestPhysical(*guest.load_address);
  return options;
}

}  // namespace

Result<LoadedGuest> load(const Guest& guest, hw::PhysicalMemory& memory, GuestPhysical acpi_rsdp) {
  const auto kernel = BOOST_OUTCOME_TRYX(vmm::read_image(guest.kernel));
  std::vector<uint8_t> initrd;
  if (!guest.initrd.empty()) initrd = BOOST_OUTCOME_TRYX(vmm::read_image(guest.initrd));
  auto kind = guest.kind;
  if (!kind) {
    const auto detected = vmm::detect_guest(kernel);
    if (detected.has_error()) return about(guest.kernel, detected.error());
    kind = detected.value();
  }
  auto state = vmm::load_guest(memory, kernel, options_for(guest, *kind, initrd, acpi_rsdp));
  if (state.has_error()) return about(guest.kernel, state.error());
  return LoadedGuest{std::move(state).value(), *kind, sha256(kernel), initrd.empty() ? "" : sha256(initrd)};
}

}  // namespace ringside::sim
