// Fuzz target: any bytes as a Linux image, with a first byte that chooses initrd, unpacking and RAM. A loader may refuse, but what
// it accepts must lie in RAM and enter where something was loaded.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "vmm/boot/guest_image.h"
#include "vmm/boot/linux.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const BootState& state, const hw::PhysicalMemory& memory) {
  bool entered = false;
  for (const PlacedRegion& region : state.regions) {
    require(region.bytes == 0 || memory.contains(region.address, region.bytes));
    entered |= state.registers.rip >= region.address.value && state.registers.rip - region.address.value < region.bytes;
  }
  require(entered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> initrd(3 << 20, 0x5a);
  if (size == 0) return 0;
  const uint8_t choice = data[0];
  auto memory = hw::PhysicalMemory::create(choice & 4 ? 24 << 20 : 2 << 20);
  require(memory.has_value());
  LinuxOptions options;
  options.command_line = "fuzz";
  if (choice & 1) options.initrd = initrd;
  if (choice & 2) options.decompress = DecompressBy::kGuest;
  const std::span image(data + 1, size - 1);
  const auto state = load_linux(memory.value(), image, options);
  if (state) check(state.value(), memory.value());
  else require(!state.error().message.empty());
  (void)detect_guest(image);
  return 0;
}
