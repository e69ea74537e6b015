// How a run keeps time: functionally (fast: a cycle an instruction) or by a cost profile (detailed), and where it changes from one to
// the other. Part of a Run; the texts of the command line are parsed here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hwmodel/cost/profile.h"
#include "hwmodel/machine/time_plan.h"
#include "traces/base/result.h"
#include "vmm/techniques/hw/hw_vcpu.h"

namespace ringside::sim {

// "marker:2", "instructions:10M", "symbol:schedule", "symbol:0x100200".
struct SwitchPoint {
  hw::ModeChange::At at = hw::ModeChange::At::kInstructions;
  uint64_t value = 0;
  std::string symbol;  // "": value is all; else the name whose address it gets when the guest's image is there
};

struct Timing {
  std::optional<hw::TimeMode> mode;         // none: fast, or as the points below say
  std::string cost_profile;                 // name or file; "": the default one in detailed mode, none in fast mode
  std::optional<hw::CostProfile> profile;   // given as a value instead (experiments)
  std::optional<SwitchPoint> from, until;   // detailed mode begins and ends there
  std::optional<vmm::HostKind> host;        // where the monitor lives; none: type 2

  // Some of the run is, or may become, detailed.
  bool detailed() const { return mode == hw::TimeMode::kDetailed || from || until; }
  bool uses_profile() const { return detailed() || profile || !cost_profile.empty(); }
  hw::TimeMode mode_at_start() const { return detailed() && !from ? hw::TimeMode::kDetailed : hw::TimeMode::kFast; }
};

Result<SwitchPoint> parse_switch_point(std::string_view text);
// As it is written on the command line.
std::string to_text(const SwitchPoint& point);

// Of a run that uses one.
Result<hw::CostProfile> load_cost_profile(const Timing& timing);

// The changes in order, with symbols looked up in the ELF image of the guest's kernel.
Result<hw::TimePlan> time_plan(const Timing& timing, const std::string& kernel);

}  // namespace ringside::sim
