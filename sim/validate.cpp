#include "sim/validate.h"

#include <fmt/format.h>

#include <filesystem>

#include "sim/quantities.h"
#include "sim/suggest.h"
#include "sim/techniques.h"
#include "traces/base/text.h"

namespace ringside::sim {
namespace {

constexpr uint64_t kLeastMemory = 1ull << 20;    // [hw::PhysicalMemory]: below that there is no PC
constexpr uint64_t kMostMemory = 512ull << 30;   // what the start state's and the model's physical addresses are tried with
constexpr uint64_t kMostMonitorMemory = 64ull << 30;
constexpr size_t kLongestCommandLine = 65535;    // layout::kCommandLineBytes with its end

Error refuse(std::string sentence) { return fail(ExitCode::kUsage, std::move(sentence)); }

// `what` is "machine", "technique" or "paging".
Result<void> check_name(std::string_view what, std::span<const NameFacts> names, const std::string& name) {
  const NameFacts* facts = find_name(names, name);
  if (!facts)
    return refuse(text::tr("sim.validate.unknown_name", what, name, suggestion(name, names_of(names)), fmt::join(names_of(names), ", ")));
  if (facts->availability == Availability::kPlanned)
    return refuse(text::tr("sim.validate.planned_name", what, name, fmt::join(existing_names(names), ", ")));
  return success();
}

bool is_deprivileged(const Run& run) { return run.technique == "trap" || run.technique == "bt"; }

// Which paging goes with which technique on which machine.
Result<void> check_combination(const Run& run) {
  const bool hw = run.technique == "hw", model = run.machine == "model";
  if (hw && model && run.paging == "none") return refuse(text::tr("sim.validate.hw_needs_paging"));
  if (hw && !model && run.paging != "none") return refuse(text::tr("sim.validate.kvm_paging", run.paging));
  if (run.isa != "x86" && run.isa != "strict") return refuse(text::tr("sim.validate.isa", run.isa));
  if (run.table_writes && !is_deprivileged(run)) return refuse(text::tr("sim.validate.table_writes", run.technique));
  if (run.adaptive == vmm::bt::Adaptive::kOff && run.technique != "bt") return refuse(text::tr("sim.validate.adaptive", run.technique));
  if (run.isa == "strict" && (!model || !is_deprivileged(run))) return refuse(text::tr("sim.validate.isa_strict", run.machine, run.technique));
  if (is_deprivileged(run) && run.paging != "shadow") return refuse(text::tr("sim.validate.trap_needs_shadow", run.technique));
  if (run.technique == "pv" && run.paging != "direct") return refuse(text::tr("sim.validate.pv_needs_direct"));
  if (run.paging == "direct" && run.technique != "pv") return refuse(text::tr("sim.validate.direct_needs_pv", run.technique));
  if (!hw && !is_deprivileged(run) && run.technique != "pv" && run.paging != "none")
    return refuse(text::tr("sim.validate.paging_needs_hw", run.paging, run.technique));
  return success();
}

Result<void> check_memory(uint64_t memory) {
  if (memory < kLeastMemory || memory > kMostMemory)
    return refuse(text::tr("sim.validate.memory_range", size_text(memory), size_text(kLeastMemory), size_text(kMostMemory)));
  if (memory % kPageSize) return refuse(text::tr("sim.validate.memory_pages", memory));
  return success();
}

// How little is too little the paging itself knows.
Result<void> check_monitor_memory(const Run& run) {
  if (!run.monitor_memory) return success();
  if (!is_deprivileged(run) && (run.technique != "hw" || run.machine != "model"))
    return refuse(text::tr("sim.validate.monitor_memory_without_hw", run.technique, run.machine));
  const uint64_t bytes = *run.monitor_memory;
  if (bytes % kPageSize || bytes > kMostMonitorMemory)
    return refuse(text::tr("sim.validate.monitor_memory_range", bytes, size_text(kMostMonitorMemory)));
  return success();
}

Result<void> check_guest(const Guest& guest) {
  const bool flat = guest.kind == vmm::GuestKind::kFlat;
  if (guest.kernel.empty()) return refuse(text::tr("sim.validate.no_kernel"));
  if (guest.start_mode && !flat) return refuse(text::tr("sim.validate.start_mode_kind"));
  if (guest.load_address && !flat) return refuse(text::tr("sim.validate.load_address_kind"));
  if (flat && !guest.initrd.empty()) return refuse(text::tr("sim.validate.flat_takes_no", "--initrd"));
  if (flat && !guest.command_line.empty()) return refuse(text::tr("sim.validate.flat_takes_no", "--append"));
  if (guest.decompress == vmm::DecompressBy::kGuest && (flat || guest.kind == vmm::GuestKind::kMultiboot1))
    return refuse(text::tr("sim.validate.decompress_kind"));
  if (guest.command_line.size() > kLongestCommandLine)
    return refuse(text::tr("sim.validate.command_line", guest.command_line.size(), kLongestCommandLine));
  return success();
}

Result<void> check_timing(const Run& run) {
  const Timing& t = run.timing;
  using At = hw::ModeChange::At;
  if (t.uses_profile() && run.machine != "model") return refuse(text::tr("sim.validate.time_needs_model", run.machine));
  if (t.mode == hw::TimeMode::kFast && (t.from || t.until)) return refuse(text::tr("sim.validate.fast_with_points"));
  if (t.from && t.until && t.from->at == At::kInstructions && t.until->at == At::kInstructions && t.until->value <= t.from->value)
    return refuse(text::tr("sim.validate.until_before_from", to_text(*t.until), to_text(*t.from)));
  if (run.nested_leaf && run.paging != "nested") return refuse(text::tr("sim.validate.leaf_without_nested", run.paging));
  if (t.host && ((run.technique != "hw" && run.technique != "pv" && !is_deprivileged(run)) || run.machine != "model")) return refuse(text::tr("sim.validate.host_without_hw", run.technique, run.machine));
  return success();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return !a.empty() && !b.empty() && std::filesystem::equivalent(a, b, ignored);
}

Result<void> check_trace(const Run& run) {
  if (run.level > traces::TraceLevel::kWalks)
    return refuse(text::tr("sim.validate.level_planned", traces::kTraceLevelNames[static_cast<size_t>(run.level)]));
  const bool records = run.level != traces::TraceLevel::kOff;
  if (records && run.trace_file.empty()) return refuse(text::tr("sim.validate.level_without_file"));
  if (!records && !run.trace_file.empty()) return refuse(text::tr("sim.validate.file_without_level", run.trace_file));
  for (const auto& input : {run.guest.kernel, run.guest.initrd})
    if (same_file(input, run.trace_file)) return refuse(text::tr("sim.validate.overwrites", run.trace_file));
  return success();
}

}  // namespace

Result<void> validate(const Run& run) {
  BOOST_OUTCOME_TRY(check_name("machine", machine_names(), run.machine));
  BOOST_OUTCOME_TRY(check_name("technique", technique_names(), run.technique));
  BOOST_OUTCOME_TRY(check_name("paging", paging_names(), run.paging));
  BOOST_OUTCOME_TRY(check_combination(run));
  BOOST_OUTCOME_TRY(check_memory(run.memory));
  BOOST_OUTCOME_TRY(check_monitor_memory(run));
  BOOST_OUTCOME_TRY(check_guest(run.guest));
  BOOST_OUTCOME_TRY(check_timing(run));
  return check_trace(run);
}

Result<void> validate_for(const Run& run, vmm::GuestKind kind) {
  const bool pv_guest = kind == vmm::GuestKind::kPv;
  if (pv_guest && run.technique != "pv") return refuse(text::tr("sim.validate.pv_guest", run.technique));
  if (!pv_guest && run.technique == "pv") return refuse(text::tr("sim.validate.plain_guest", vmm::name_of(kind)));
  return success();
}

Result<void> validate_for(const Run& run, const vmm::Capabilities& capabilities, std::string_view machine) {
  if (run.bounds.instructions && !capabilities.counts_instructions) return refuse(text::tr("sim.validate.no_counting", machine));
  if (run.level > traces::TraceLevel::kExits && !capabilities.sees_inside)
    return refuse(text::tr("sim.validate.sees_no_inside", machine, traces::kTraceLevelNames[static_cast<size_t>(run.level)]));
  return success();
}

}  // namespace ringside::sim
