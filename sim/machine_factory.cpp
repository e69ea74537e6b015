#include "sim/machine_factory.h"

#include <sys/utsname.h>

#include <cassert>
#include <cstdlib>
#include <fstream>

#include "vmm/machines/kvm/kvm_machine.h"
#include "vmm/machines/model/inside_recorder.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/techniques/bt/bt_machine.h"
#include "vmm/techniques/bt/translation_recorder.h"
#include "vmm/techniques/deprivileged/deprivileged_kvm.h"
#include "vmm/techniques/emulate/emulate_machine.h"
#include "vmm/techniques/hw/hw_machine.h"
#include "vmm/techniques/pv/pv_machine.h"

namespace ringside::sim {
namespace {

// The value of the first line "key : value" of /proc/cpuinfo, or "".
std::string cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with(key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

std::string host_text() {
  utsname system{};
  uname(&system);
  return cpuinfo("model name") + ", " + system.sysname + " " + system.release;
}

class BuiltModel final : public BuiltMachine {
 public:
  // `translations`: what the machine tells of binary translation, where it does any.
  explicit BuiltModel(std::unique_ptr<vmm::ModelMachine> machine, std::unique_ptr<vmm::bt::TranslationRecorder> translations = nullptr)
      : translations_(std::move(translations)), machine_(std::move(machine)) {}
  vmm::Machine& machine() override { return *machine_; }
  vmm::ModelMachine* model() override { return machine_->capabilities().deterministic ? machine_.get() : nullptr; }
  void record_inside(traces::Writer& writer, traces::TraceLevel level) override {
    if (level == traces::TraceLevel::kOff) return;
    recorder_.emplace(machine_->hardware(), writer, level);
    machine_->observe(&*recorder_);
    machine_->watch_paging(&*recorder_);
    machine_->watch_guest(&*recorder_);
    if (translations_) translations_->record(machine_->hardware(), writer);
  }
  std::string host() const override { return machine_->capabilities().deterministic ? "" : host_text(); }

 private:
  std::unique_ptr<vmm::bt::TranslationRecorder> translations_;
  std::unique_ptr<vmm::ModelMachine> machine_;
  std::optional<vmm::InsideRecorder> recorder_;
};

class BuiltKvm final : public BuiltMachine {
 public:
  explicit BuiltKvm(std::unique_ptr<vmm::Machine> machine) : machine_(std::move(machine)) {}
  vmm::Machine& machine() override { return *machine_; }
  void record_inside(traces::Writer&, traces::TraceLevel) override {}
  std::string host() const override { return host_text(); }

 private:
  std::unique_ptr<vmm::Machine> machine_;
};

vmm::HwPaging paging_of(const Run& run) {
  if (run.paging == "shadow") return vmm::HwPaging::kShadow;
  if (run.paging == "agile") return vmm::HwPaging::kAgile;
  assert(run.paging == "nested");
  return vmm::HwPaging::kNested;
}

vmm::HwOptions hw_options(const Run& run, const hw::MachineConfig& config) {
  vmm::HwOptions options{.machine = config, .paging = paging_of(run)};
  if (run.nested_leaf) options.nested_leaf = *run.nested_leaf;
  if (run.timing.host) options.host = *run.timing.host;
  if (run.monitor_memory) options.monitor_bytes = *run.monitor_memory;
  return options;
}

Result<std::unique_ptr<BuiltMachine>> build_interpreter(const hw::MachineConfig& config, vmm::EmulateOn on) {
  auto machine = BOOST_OUTCOME_TRYX(vmm::create_emulate_machine({.machine = config, .on = on}));
  return std::make_unique<BuiltModel>(std::move(machine));
}

void set_deprivileged(vmm::DeprivilegedOptions& options, const Run& run, const hw::MachineConfig& config) {
  options.machine = config;
  options.table_writes = run.table_writes.value_or(run.technique == "bt" ? vmm::TableWrites::kTraced : vmm::TableWrites::kUnsync);
  if (run.timing.host) options.host = *run.timing.host;
  if (run.monitor_memory) options.monitor_bytes = *run.monitor_memory;
}

bool is_deprivileged(const Run& run) { return run.technique == "trap" || run.technique == "bt"; }

// `translations`, if given, hears of binary translation and outlives the machine.
vmm::DeprivilegedOptions deprivileged_options(const Run& run, const hw::MachineConfig& config, vmm::bt::EngineObserver* translations = nullptr) {
  if (run.technique == "bt") {
    vmm::BtOptions options;
    set_deprivileged(options, run, config);
    options.engine.adaptive = run.adaptive;
    options.observer = translations;
    return vmm::deprivileged_by_bt(options);
  }
  vmm::DeprivilegedOptions options;
  set_deprivileged(options, run, config);
  options.sensitive = run.isa == "strict" ? hw::SensitiveTraps::kStrict : hw::SensitiveTraps::kObserve;
  return options;
}

vmm::pv::PvOptions pv_options(const Run& run, const hw::MachineConfig& config) {
  vmm::pv::PvOptions options;
  options.machine = config;
  if (run.timing.host) options.host = *run.timing.host;
  return options;
}

Result<std::unique_ptr<BuiltMachine>> build_model(const Run& run) {
  hw::MachineConfig config{.memory_bytes = run.memory, .monitor_bytes = 0, .cpus = 1, .seed = run.seed};
  if (run.timing.uses_profile()) config.costs = BOOST_OUTCOME_TRYX(load_cost_profile(run.timing));
  if (run.technique == "emulate") return build_interpreter(config, vmm::EmulateOn::kModel);
  if (is_deprivileged(run)) {
    auto translations = std::make_unique<vmm::bt::TranslationRecorder>();
    auto deprivileged = BOOST_OUTCOME_TRYX(vmm::create_deprivileged_machine(deprivileged_options(run, config, translations.get())));
    return std::make_unique<BuiltModel>(std::move(deprivileged), std::move(translations));
  }
  if (run.technique == "pv") {
    vmm::pv::PvOptions options = pv_options(run, config);
    auto pv = BOOST_OUTCOME_TRYX(vmm::pv::create_pv_machine(options));
    return std::make_unique<BuiltModel>(std::move(pv));
  }
  auto machine = BOOST_OUTCOME_TRYX(run.technique == "hw" ? vmm::create_hw_machine(hw_options(run, config)) : vmm::ModelMachine::create(config));
  return std::make_unique<BuiltModel>(std::move(machine));
}

Result<std::unique_ptr<BuiltMachine>> build_kvm(const Run& run) {
  if (run.technique == "emulate") return build_interpreter({.memory_bytes = run.memory, .seed = run.seed}, vmm::EmulateOn::kHost);
  vmm::KvmOptions options;
  options.memory_bytes = run.memory;
  if (const char* device = std::getenv("RINGSIDE_KVM_DEVICE")) options.device = device;
  if (is_deprivileged(run)) {
    const hw::MachineConfig config{.memory_bytes = run.memory, .seed = run.seed};
    auto deprivileged = BOOST_OUTCOME_TRYX(vmm::create_deprivileged_kvm(deprivileged_options(run, config), options.device));
    return std::make_unique<BuiltKvm>(std::move(deprivileged));
  }
  if (run.technique == "pv") {
    vmm::pv::PvOptions pv = pv_options(run, {.memory_bytes = run.memory, .seed = run.seed});
    auto machine = BOOST_OUTCOME_TRYX(vmm::pv::create_pv_kvm(pv, options.device));
    return std::make_unique<BuiltKvm>(std::move(machine));
  }
  auto machine = BOOST_OUTCOME_TRYX(vmm::KvmMachine::create(options));
  return std::make_unique<BuiltKvm>(std::move(machine));
}

}  // namespace

Result<std::unique_ptr<BuiltMachine>> build_machine(const Run& run) {
  if (run.machine == "kvm") return build_kvm(run);
  assert(run.machine == "model");
  return build_model(run);
}

}  // namespace ringside::sim
