// Fuzz target: any bytes as a Multiboot image, with a first byte that chooses modules, and as a flat image. What is accepted must
// lie in RAM and enter where something was loaded.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "vmm/boot/flat.h"
#include "vmm/boot/multiboot1.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const BootState& state, const hw::PhysicalMemory& memory) {
  bool entered = false;
  const uint64_t entry = state.registers.linear_rip();
  for (const PlacedRegion& region : state.regions) {
    require(region.bytes == 0 || memory.contains(region.address, region.bytes));
    entered |= entry >= region.address.value && entry - region.address.value < region.bytes;
  }
  require(entered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> module_bytes(10'000, 0x5a);
  if (size == 0) return 0;
  auto memory = hw::PhysicalMemory::create(2 << 20);
  require(memory.has_value());
  const std::span image(data + 1, size - 1);
  MultibootOptions options{.command_line = "fuzz", .modules = {}};
  for (unsigned i = 0; i < (data[0] & 3u); ++i) options.modules.push_back({module_bytes, "module"});
  if (const auto state = load_multiboot1(memory.value(), image, options)) check(state.value(), memory.value());

  FlatOptions flat{.mode = static_cast<StartMode>(data[0] % 3), .load = {}, .entry = {}};
  if (data[0] & 0x80) flat.load = GuestPhysical(uint64_t{data[0] & 0x7fu} << 14);
  if (const auto state = load_flat(memory.value(), image, flat)) check(state.value(), memory.value());
  return 0;
}
