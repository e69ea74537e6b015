// Side: one guest on one machine under one technique, run piecewise: to an instruction count, or to its next access to a device, so that two
// sides can be compared where they stand. Used by lockstep.h.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/machine_factory.h"
#include "sim/run.h"
#include "vmm/core/guest_state.h"
#include "vmm/core/run_loop.h"
#include "vmm/devices/pc_devices.h"

namespace ringside::testing {

// The guest's architectural state at a Vcpu, or nothing where it is not known between these two instructions.
using StateOf = std::function<std::optional<vmm::GuestState>(vmm::Vcpu&)>;
// Of every technique on the modelled machine.
std::optional<vmm::GuestState> state_of_model(vmm::Vcpu& vcpu);

class Side {
 public:
  static Result<std::unique_ptr<Side>> create(const sim::Run& run, StateOf state_of = state_of_model);

  // Runs until `instructions` have retired since the start, or the guest ends.
  Result<void> run_to(uint64_t instructions);
  // Runs until one more access to a device has been answered (its instruction has not retired), or the guest ends.
  Result<void> run_to_device();

  std::optional<vmm::GuestState> state() { return state_of_(machine().vcpu(0)); }
  uint64_t instructions() const { return machine().vcpu(0).instructions(); }
  bool ended() const { return end_.has_value(); }
  vmm::RunEnd end() const { return *end_; }
  uint32_t exit_value() const { return exit_value_; }
  const std::string& console() const { return console_; }
  const std::string& last_device_access() const { return last_access_; }
  vmm::Machine& machine() const { return built_->machine(); }

 private:
  explicit Side(StateOf state_of) : state_of_(std::move(state_of)) {}
  Result<void> run(vmm::Recorder& recorder, const vmm::RunOptions& options, vmm::RunEnd pause);

  StateOf state_of_;
  vmm::DeviceRequests requests_;
  std::unique_ptr<sim::BuiltMachine> built_;
  std::unique_ptr<vmm::PcDevices> devices_;
  std::optional<vmm::RunEnd> end_;
  uint32_t exit_value_ = 0;
  std::string console_, last_access_;
};

}  // namespace ringside::testing
