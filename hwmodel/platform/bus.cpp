#include "hwmodel/platform/bus.h"

#include <algorithm>

#include "traces/base/text.h"

namespace ringside::hw {
namespace {

constexpr uint64_t kPorts = 0x10000;

}  // namespace

Result<void> Bus::claim(std::vector<Range>& ranges, uint64_t first, uint64_t count, Device& device,
                        std::string_view kind) {
  const uint64_t last = first + (count - 1);
  if (count == 0 || last < first) {
    return fail(ExitCode::kUsage, text::tr("hwmodel.bus_bad_range", device.name(), kind, first, count));
  }
  const auto next =
      std::upper_bound(ranges.begin(), ranges.end(), first, [](uint64_t a, const Range& r) { return a < r.first; });
  const Range* clash = nullptr;
  if (next != ranges.begin() && std::prev(next)->last >= first)
    clash = &*std::prev(next);
  else if (next != ranges.end() && next->first <= last)
    clash = &*next;
  if (clash) {
    return fail(ExitCode::kUsage, text::tr("hwmodel.bus_overlap", device.name(), kind, first, last,
                                           clash->device->name(), clash->first, clash->last));
  }
  ranges.insert(next, Range{first, last, &device});
  return success();
}

Result<void> Bus::claim_ports(uint16_t first, unsigned count, Device& device) {
  if (first + uint64_t{count} > kPorts) {
    return fail(ExitCode::kUsage, text::tr("hwmodel.bus_bad_range", device.name(), "ports", first, count));
  }
  return claim(ports_, first, count, device, "ports");
}

Result<void> Bus::claim_mmio(GuestPhysical first, uint64_t bytes, Device& device) {
  return claim(mmio_, first.value, bytes, device, "MMIO");
}

BusTarget Bus::find(const std::vector<Range>& ranges, uint64_t address) {
  const auto next =
      std::upper_bound(ranges.begin(), ranges.end(), address, [](uint64_t a, const Range& r) { return a < r.first; });
  if (next == ranges.begin()) return {};
  const Range& range = *std::prev(next);
  if (address > range.last) return {};
  return {range.device, address - range.first};
}

BusTarget Bus::find_port(uint16_t port) const { return find(ports_, port); }
BusTarget Bus::find_mmio(GuestPhysical address) const { return find(mmio_, address.value); }

}  // namespace ringside::hw
