#include "sim/runner.h"

#include <filesystem>
#include <optional>

#include "hwmodel/platform/uart16550.h"
#include "sim/guest_loading.h"
#include "sim/interrupt.h"
#include "sim/machine_factory.h"
#include "sim/validate.h"
#include "sim/watcher.h"
#include "traces/base/text.h"
#include "vmm/boot/acpi.h"
#include "vmm/core/run_loop.h"
#include "vmm/core/trace_recorder.h"
#include "vmm/devices/pc_devices.h"

namespace ringside::sim {
namespace {

using namespace std::chrono_literals;

// Only names: the same run has the same trace wherever its files lie.
std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

// One execution: its parts in the order in which they are made. Each step is a method; execute() below is the whole story.
class Execution {
 public:
  Execution(const Run& run, const RunEnvironment& environment) : run_(run), environment_(environment) {}

  Result<void> build() {
    built_ = BOOST_OUTCOME_TRYX(build_machine(run_));
    BOOST_OUTCOME_TRYV(validate_for(run_, machine().capabilities(), machine().name()));
    stop_.emplace(machine().vcpu(0));
    const auto output = [this](uint8_t byte) { write_console(byte); };
    devices_ = BOOST_OUTCOME_TRYX(vmm::PcDevices::create(machine(), requests_, {.serial_output = output, .debug_console_output = output}));
    devices_->serial().push_input(environment_.console_input);
    return success();
  }

  Result<void> load_guest() {
    const auto acpi = BOOST_OUTCOME_TRYX(vmm::install_acpi(machine().memory(), {.cpus = machine().vcpu_count()}));
    guest_ = BOOST_OUTCOME_TRYX(load(run_.guest, machine().memory(), acpi));
    if (const auto fits = validate_for(run_, guest_.kind); fits.has_error())
      return fail(fits.error().code, text::tr("sim.about_file", run_.guest.kernel, fits.error().message));
    return vmm::apply(guest_.state, machine().vcpu(0));
  }

  Result<void> start_time() {
    vmm::ModelMachine* const model = built_->model();
    if (!model || !run_.timing.uses_profile()) return success();
    cost_profile_ = BOOST_OUTCOME_TRYX(load_cost_profile(run_.timing)).name;
    hw::TimePlan plan = BOOST_OUTCOME_TRYX(time_plan(run_.timing, run_.guest.kernel));
    model->hardware().set_time_mode(run_.timing.mode_at_start());
    model->hardware().set_time_plan(std::move(plan));
    return success();
  }

  Result<void> open_trace() {
    if (run_.level == traces::TraceLevel::kOff) return success();
    writer_ = BOOST_OUTCOME_TRYX(traces::Writer::create(run_.trace_file, vmm::trace_clock_of(machine())));
    built_->record_inside(*writer_, run_.level);
    return success();
  }

  Result<vmm::RunOutcome> go() {
    vmm::NullRecorder nothing;
    std::optional<vmm::TraceRecorder> trace;
    const std::string host = built_->host();
    if (writer_) trace.emplace(*writer_, vmm::numbering_of(machine()), description(host));
    Watcher recorder(trace ? static_cast<vmm::Recorder&>(*trace) : nothing, environment_, run_.timing.detailed() ? built_->model() : nullptr);
    std::optional<StopOnSignals> signals;
    if (environment_.signals == RunEnvironment::Signals::kStopTheRun) signals.emplace(*stop_);
    return vmm::run(machine(), requests_, recorder, options());
  }

  Result<void> close_trace() {
    if (!writer_) return success();
    auto failed = writer_->take_error();
    auto closed = writer_->close();
    if (failed) return std::move(*failed);
    return closed;
  }

  RunReport report(vmm::RunOutcome outcome) {
    if (environment_.at_end) environment_.at_end(machine());
    RunReport report;
    report.outcome = std::move(outcome);
    report.guest = guest_.state.description;
    report.notes = machine().capabilities().notes;
    for (std::string& finding : machine().findings()) report.notes.push_back(std::move(finding));
    report.time_unit = machine().capabilities().time_unit;
    report.time = machine().clock().now();
    report_time(report);
    report.console_bytes = console_bytes_;
    if (writer_) report.trace_events = writer_->events(), report.trace_bytes = writer_->file_bytes();
    return report;
  }

 private:
  // Every modelled cycle was charged to exactly one category, or our books are wrong.
  void report_time(RunReport& report) {
    report.cost_profile = cost_profile_;
    vmm::ModelMachine* const model = built_->model();
    if (!model || !run_.timing.detailed()) return;
    model->hardware().assert_balances();
    const hw::CycleAccount& account = model->hardware().account();
    for (size_t i = 0; i < hw::kCycleCategories; ++i)
      report.cycles.emplace_back(hw::kCycleCategoryNames[i], account.of(static_cast<hw::CycleCategory>(i)));
  }

  vmm::Machine& machine() { return built_->machine(); }

  void write_console(uint8_t byte) {
    ++console_bytes_;
    if (environment_.console && !environment_.console(byte)) stop_->raise();
  }

  vmm::RunOptions options() {
    vmm::RunOptions options;
    options.limits.wall_time = run_.bounds.timeout;
    options.limits.exits = run_.bounds.exits;
    options.limits.instructions = run_.bounds.instructions;
    options.limits.marker = run_.bounds.marker;
    options.limits.stop = &stop_->flag();
    // Snapshots come by the host's clock, so a deterministic machine gives only the one at the end.
    if (!machine().capabilities().deterministic) options.counter_interval = 1s;
    return options;
  }

  // The texts live in run_ and in members; `host` must outlive the recorder's start.
  traces::RunStart description(const std::string& host) {
    kernel_name_ = file_name(run_.guest.kernel);
    initrd_name_ = file_name(run_.guest.initrd);
    traces::RunStart start;
    start.machine = run_.machine;
    start.technique = run_.technique;
    start.paging = run_.paging;
    start.guest = kernel_name_;
    start.guest_hash = guest_.kernel_digest;
    start.initrd = initrd_name_;
    start.initrd_hash = guest_.initrd_digest;
    start.command_line = run_.guest.command_line;
    start.workload = run_.workload;
    start.cost_profile = cost_profile_;
    start.seed = run_.seed;
    start.ram_bytes = run_.memory;
    start.vcpus = machine().vcpu_count();
    start.level = run_.level;
    start.host = host;
    start.version = RINGSIDE_VERSION;
    return start;
  }

  const Run& run_;
  const RunEnvironment& environment_;
  vmm::DeviceRequests requests_;
  std::unique_ptr<traces::Writer> writer_;       // before the machine, whose observer writes to it
  std::unique_ptr<BuiltMachine> built_;
  std::optional<StopRequest> stop_;
  std::unique_ptr<vmm::PcDevices> devices_;
  LoadedGuest guest_;
  std::string kernel_name_, initrd_name_, cost_profile_;
  uint64_t console_bytes_ = 0;
};

}  // namespace

double RunReport::mips() const {
  const double seconds = std::chrono::duration<double>(outcome.totals.wall_time).count();
  return seconds > 0 ? static_cast<double>(outcome.totals.instructions) / seconds / 1e6 : 0;
}

Result<RunReport> execute(const Run& run, const RunEnvironment& environment) {
  BOOST_OUTCOME_TRYV(validate(run));
  Execution execution(run, environment);
  BOOST_OUTCOME_TRYV(execution.build());
  BOOST_OUTCOME_TRYV(execution.load_guest());
  BOOST_OUTCOME_TRYV(execution.start_time());
  BOOST_OUTCOME_TRYV(execution.open_trace());
  auto outcome = execution.go();
  BOOST_OUTCOME_TRYV(execution.close_trace());
  if (outcome.has_error()) return outcome.error();
  return execution.report(std::move(outcome).value());
}

}  // namespace ringside::sim
