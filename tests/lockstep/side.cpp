#include "tests/lockstep/side.h"

#include "sim/guest_loading.h"
#include "sim/validate.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot_state.h"
#include "vmm/machines/model/model_machine.h"

namespace ringside::testing {
namespace {

// Ends the run at the first access a device answered.
class AtDevice final : public vmm::Recorder {
 public:
  void on_port(const vmm::ExitInfo&, const vmm::PortExit& exit, std::string_view) override { note(exit); }
  void on_mmio(const vmm::ExitInfo&, const vmm::MmioExit& exit, std::string_view) override { note(exit); }
  std::atomic<bool> stop{false};
  std::string access;

 private:
  void note(const vmm::ExitCause& cause) {
    access = vmm::to_text(cause);
    stop = true;
  }
};

vmm::RunOptions quietly() {
  vmm::RunOptions options;
  options.kept_exits = 0;
  options.bad_ends = vmm::BadEnds::kTell;
  return options;
}

}  // namespace

std::optional<vmm::GuestState> state_of_model(vmm::Vcpu& vcpu) { return static_cast<vmm::ModelVcpu&>(vcpu).guest_state(); }

Result<std::unique_ptr<Side>> Side::create(const sim::Run& run, StateOf state_of) {
  BOOST_OUTCOME_TRYV(sim::validate(run));
  std::unique_ptr<Side> side(new Side(std::move(state_of)));
  side->built_ = BOOST_OUTCOME_TRYX(sim::build_machine(run));
  vmm::Machine& machine = side->machine();
  const auto output = [s = side.get()](uint8_t byte) { s->console_ += static_cast<char>(byte); };
  side->devices_ =
      BOOST_OUTCOME_TRYX(vmm::PcDevices::create(machine, side->requests_, {.serial_output = output, .debug_console_output = output}));
  const auto acpi = BOOST_OUTCOME_TRYX(vmm::install_acpi(machine.memory(), {.cpus = machine.vcpu_count()}));
  const auto guest = BOOST_OUTCOME_TRYX(sim::load(run.guest, machine.memory(), acpi));
  BOOST_OUTCOME_TRYV(vmm::apply(guest.state, machine.vcpu(0)));
  return side;
}

Result<void> Side::run(vmm::Recorder& recorder, const vmm::RunOptions& options, vmm::RunEnd pause) {
  if (ended()) return success();
  const auto outcome = vmm::run(machine(), requests_, recorder, options);
  if (!outcome) return outcome.error();
  if (outcome.value().end == pause) return success();
  end_ = outcome.value().end;
  exit_value_ = outcome.value().exit_value;
  return success();
}

Result<void> Side::run_to(uint64_t instructions) {
  vmm::NullRecorder nothing;
  vmm::RunOptions options = quietly();
  options.limits.instructions = instructions;
  return run(nothing, options, vmm::RunEnd::kMaxInstructions);
}

Result<void> Side::run_to_device() {
  AtDevice recorder;
  vmm::RunOptions options = quietly();
  options.limits.stop = &recorder.stop;
  BOOST_OUTCOME_TRYV(run(recorder, options, vmm::RunEnd::kInterrupted));
  last_access_ = recorder.access;
  return success();
}

}  // namespace ringside::testing
