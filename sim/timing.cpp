#include "sim/timing.h"

#include <fmt/format.h>

#include <charconv>

#include "sim/quantities.h"
#include "traces/base/text.h"
#include "vmm/boot/elf_symbols.h"
#include "vmm/boot/guest_image.h"

namespace ringside::sim {
namespace {

using At = hw::ModeChange::At;

constexpr std::string_view kMarker = "marker", kInstructions = "instructions", kSymbol = "symbol";

Error bad_point(std::string_view text) { return fail(ExitCode::kUsage, text::tr("sim.timing.bad_point", text)); }

// An address in hexadecimal with 0x; none: a name.
std::optional<uint64_t> address_of(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<hw::ModeChange> resolve(const SwitchPoint& point, hw::TimeMode to, const std::string& kernel) {
  if (point.symbol.empty()) return hw::ModeChange{to, point.at, point.value};
  const auto image = BOOST_OUTCOME_TRYX(vmm::read_image(kernel));
  const auto address = vmm::symbol_address(image, point.symbol);
  if (!address) return fail(address.error().code, text::tr("sim.about_file", kernel, address.error().message));
  return hw::ModeChange{to, point.at, address.value()};
}

}  // namespace

Result<SwitchPoint> parse_switch_point(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return bad_point(text);
  const std::string_view kind = text.substr(0, colon), value = text.substr(colon + 1);
  if (kind == kSymbol) {
    const auto address = address_of(value);
    return address ? SwitchPoint{At::kAddress, *address, ""} : SwitchPoint{At::kAddress, 0, std::string(value)};
  }
  if (kind != kMarker && kind != kInstructions) return bad_point(text);
  const uint64_t number = BOOST_OUTCOME_TRYX(parse_count(value));
  if (kind == kInstructions) return SwitchPoint{At::kInstructions, number, ""};
  if (number > UINT32_MAX) return fail(ExitCode::kUsage, text::tr("sim.timing.marker_range", value));
  return SwitchPoint{At::kMarker, number, ""};
}

std::string to_text(const SwitchPoint& point) {
  switch (point.at) {
    case At::kMarker: return fmt::format("{}:{}", kMarker, point.value);
    case At::kInstructions: return fmt::format("{}:{}", kInstructions, point.value);
    case At::kAddress: return point.symbol.empty() ? fmt::format("{}:{:#x}", kSymbol, point.value) : fmt::format("{}:{}", kSymbol, point.symbol);
  }
  __builtin_unreachable();
}

Result<hw::CostProfile> load_cost_profile(const Timing& timing) {
  if (timing.profile) return *timing.profile;
  return hw::load_cost_profile(timing.cost_profile.empty() ? std::string(hw::kDefaultCostProfile) : timing.cost_profile);
}

Result<hw::TimePlan> time_plan(const Timing& timing, const std::string& kernel) {
  std::vector<hw::ModeChange> changes;
  if (timing.from) changes.push_back(BOOST_OUTCOME_TRYX(resolve(*timing.from, hw::TimeMode::kDetailed, kernel)));
  if (timing.until) changes.push_back(BOOST_OUTCOME_TRYX(resolve(*timing.until, hw::TimeMode::kFast, kernel)));
  return hw::TimePlan(std::move(changes));
}

}  // namespace ringside::sim
