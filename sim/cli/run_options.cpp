#include "sim/cli/run_options.h"

#include <fmt/format.h>

#include "sim/cli/choice.h"
#include "sim/quantities.h"
#include "sim/techniques.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

constexpr Choice<std::optional<vmm::GuestKind>> kGuests[] = {{"auto", std::nullopt},
                                                            {"linux", vmm::GuestKind::kLinux},
                                                            {"multiboot", vmm::GuestKind::kMultiboot1},
                                                            {"flat", vmm::GuestKind::kFlat},
                                                            {"pv", vmm::GuestKind::kPv}};
constexpr Choice<vmm::DecompressBy> kDecompress[] = {{"host", vmm::DecompressBy::kHost}, {"guest", vmm::DecompressBy::kGuest}};
constexpr Choice<vmm::StartMode> kStartModes[] = {
    {"real", vmm::StartMode::kReal}, {"protected", vmm::StartMode::kProtected}, {"long", vmm::StartMode::kLong}};

constexpr Choice<std::optional<hw::TimeMode>> kModes[] = {{"fast", hw::TimeMode::kFast}, {"detailed", hw::TimeMode::kDetailed}};
constexpr Choice<std::optional<vmm::HostKind>> kHosts[] = {{"type1", vmm::HostKind::kType1}, {"type2", vmm::HostKind::kType2}};
constexpr Choice<vmm::TableWrites> kTableWrites[] = {{"unsync", vmm::TableWrites::kUnsync}, {"traced", vmm::TableWrites::kTraced}};
constexpr Choice<vmm::bt::Adaptive> kAdaptive[] = {{"on", vmm::bt::Adaptive::kOn}, {"off", vmm::bt::Adaptive::kOff}};
constexpr Choice<std::optional<vmm::NestedLeaf>> kLeaves[] = {{"4K", vmm::NestedLeaf::k4K}, {"2M", vmm::NestedLeaf::k2M}, {"1G", vmm::NestedLeaf::k1G}};
constexpr const char* kPoint = "marker:N|instructions:N|symbol:NAME|symbol:ADDRESS";

std::string joined_names(std::span<const sim::NameFacts> facts) { return fmt::format("{}", fmt::join(sim::names_of(facts), "|")); }

// The sentence of a value's parser with the option it was given to in front.
Error of_option(std::string_view option, const Error& error) { return fail(error.code, text::tr("cli.of_option", option, error.message)); }

template <class T, class Parse>
Result<void> parse_into(T& target, std::string_view option, const std::string& value, Parse parse) {
  if (value.empty()) return success();
  const auto parsed = parse(value);
  if (parsed.has_error()) return of_option(option, parsed.error());
  target = parsed.value();
  return success();
}

}  // namespace

void RunOptions::describe(CLI::App& parser) {
  const auto option = [&](const char* name, std::string& target, const char* key, const std::string& type) {
    auto* added = parser.add_option(name, target, text::tr(fmt::format("cli.run.{}", key)))->type_name(type);
    if (!target.empty()) added->capture_default_str();
    return added;
  };
  option("-k,--kernel", kernel_, "kernel", "FILE")->group(text::tr("cli.run.group.guest"));
  option("--initrd", initrd_, "initrd", "FILE")->group(text::tr("cli.run.group.guest"));
  option("--append", append_, "append", "TEXT")->group(text::tr("cli.run.group.guest"));
  option("--guest", guest_, "guest", choice_names<std::optional<vmm::GuestKind>>(kGuests, "|"))->group(text::tr("cli.run.group.guest"));
  option("--decompress", decompress_, "decompress", choice_names<vmm::DecompressBy>(kDecompress, "|"))->group(text::tr("cli.run.group.guest"));
  option("--start-mode", start_mode_, "start_mode", choice_names<vmm::StartMode>(kStartModes, "|"))->group(text::tr("cli.run.group.guest"));
  option("--load-address", load_address_, "load_address", "ADDRESS")->group(text::tr("cli.run.group.guest"));
  option("--machine", machine_, "machine", joined_names(sim::machine_names()))->group(text::tr("cli.run.group.machine"));
  option("--technique", technique_, "technique", joined_names(sim::technique_names()))->group(text::tr("cli.run.group.machine"));
  option("--paging", paging_, "paging", joined_names(sim::paging_names()))->group(text::tr("cli.run.group.machine"));
  option("-m,--memory", memory_, "memory", "SIZE")->group(text::tr("cli.run.group.machine"));
  option("--monitor-memory", monitor_memory_, "monitor_memory", "SIZE")->group(text::tr("cli.run.group.machine"));
  option("--isa", isa_, "isa", "x86|strict")->group(text::tr("cli.run.group.machine"));
  option("--table-writes", table_writes_, "table_writes", "unsync|traced")->group(text::tr("cli.run.group.machine"));
  option("--bt-adaptive", adaptive_, "bt_adaptive", "on|off")->group(text::tr("cli.run.group.machine"));
  option("--seed", seed_, "seed", "N")->group(text::tr("cli.run.group.machine"));
  option("--workload", workload_, "workload", "NAME")->group(text::tr("cli.run.group.machine"));
  option("--host", host_, "host", choice_names<std::optional<vmm::HostKind>>(kHosts, "|"))->group(text::tr("cli.run.group.machine"));
  option("--ept-leaf", ept_leaf_, "ept_leaf", choice_names<std::optional<vmm::NestedLeaf>>(kLeaves, "|"))->group(text::tr("cli.run.group.machine"));
  option("--mode", mode_, "mode", choice_names<std::optional<hw::TimeMode>>(kModes, "|"))->group(text::tr("cli.run.group.time"));
  option("--cost-profile", cost_profile_, "cost_profile", "NAME|FILE")->group(text::tr("cli.run.group.time"));
  option("--detailed-from", detailed_from_, "detailed_from", kPoint)->group(text::tr("cli.run.group.time"));
  option("--detailed-until", detailed_until_, "detailed_until", kPoint)->group(text::tr("cli.run.group.time"));
  option("--timeout", timeout_, "timeout", "TIME")->group(text::tr("cli.run.group.bounds"));
  option("--max-exits", max_exits_, "max_exits", "N")->group(text::tr("cli.run.group.bounds"));
  option("--max-instructions", max_instructions_, "max_instructions", "N")->group(text::tr("cli.run.group.bounds"));
  option("--until-marker", until_marker_, "until_marker", "VALUE")->group(text::tr("cli.run.group.bounds"));
}

Result<void> RunOptions::parse_guest(sim::Guest& guest) const {
  guest.kernel = kernel_;
  guest.initrd = initrd_;
  guest.command_line = append_;
  BOOST_OUTCOME_TRYV(parse_choice<std::optional<vmm::GuestKind>>(guest.kind, "--guest", guest_, kGuests));
  BOOST_OUTCOME_TRYV(parse_choice<vmm::DecompressBy>(guest.decompress, "--decompress", decompress_, kDecompress));
  if (!start_mode_.empty()) {
    guest.start_mode.emplace();
    BOOST_OUTCOME_TRYV(parse_choice<vmm::StartMode>(*guest.start_mode, "--start-mode", start_mode_, kStartModes));
    if (!guest.kind) guest.kind = vmm::GuestKind::kFlat;  // only a flat binary needs to be told
  }
  return parse_into(guest.load_address, "--load-address", load_address_, sim::parse_size);
}

Result<void> RunOptions::parse_timing(sim::Timing& timing) const {
  timing.cost_profile = cost_profile_;
  if (!mode_.empty()) {
    BOOST_OUTCOME_TRYV(parse_choice<std::optional<hw::TimeMode>>(timing.mode, "--mode", mode_, kModes));
  }
  if (!host_.empty()) {
    BOOST_OUTCOME_TRYV(parse_choice<std::optional<vmm::HostKind>>(timing.host, "--host", host_, kHosts));
  }
  BOOST_OUTCOME_TRYV(parse_into(timing.from, "--detailed-from", detailed_from_, sim::parse_switch_point));
  return parse_into(timing.until, "--detailed-until", detailed_until_, sim::parse_switch_point);
}

Result<void> RunOptions::parse_bounds(sim::Bounds& bounds) const {
  BOOST_OUTCOME_TRYV(parse_into(bounds.timeout, "--timeout", timeout_, sim::parse_duration));
  BOOST_OUTCOME_TRYV(parse_into(bounds.exits, "--max-exits", max_exits_, sim::parse_count));
  BOOST_OUTCOME_TRYV(parse_into(bounds.instructions, "--max-instructions", max_instructions_, sim::parse_count));
  if (until_marker_.empty()) return success();
  uint64_t marker = 0;
  BOOST_OUTCOME_TRYV(parse_into(marker, "--until-marker", until_marker_, sim::parse_count));
  if (marker > ~uint32_t{0}) return fail(ExitCode::kUsage, text::tr("cli.run.marker_range", marker));
  bounds.marker = static_cast<uint32_t>(marker);
  return success();
}

Result<sim::Run> RunOptions::parse() const {
  sim::Run run;
  run.machine = machine_;
  run.technique = technique_;
  run.paging = paging_;
  run.workload = workload_;
  BOOST_OUTCOME_TRYV(parse_guest(run.guest));
  BOOST_OUTCOME_TRYV(parse_into(run.memory, "--memory", memory_, sim::parse_size));
  BOOST_OUTCOME_TRYV(parse_into(run.monitor_memory, "--monitor-memory", monitor_memory_, sim::parse_size));
  run.isa = isa_;
  BOOST_OUTCOME_TRYV(parse_choice<vmm::bt::Adaptive>(run.adaptive, "--bt-adaptive", adaptive_, kAdaptive));
  if (!table_writes_.empty()) {
    BOOST_OUTCOME_TRYV(parse_choice<vmm::TableWrites>(run.table_writes.emplace(), "--table-writes", table_writes_, kTableWrites));
  }
  BOOST_OUTCOME_TRYV(parse_into(run.seed, "--seed", seed_, sim::parse_count));
  BOOST_OUTCOME_TRYV(parse_timing(run.timing));
  if (!ept_leaf_.empty()) {
    BOOST_OUTCOME_TRYV(parse_choice<std::optional<vmm::NestedLeaf>>(run.nested_leaf, "--ept-leaf", ept_leaf_, kLeaves));
  }
  BOOST_OUTCOME_TRYV(parse_bounds(run.bounds));
  return run;
}

}  // namespace ringside::cli
