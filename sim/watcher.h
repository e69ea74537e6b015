// A recorder in front of another: counts for whoever watches the run go on, tells a modelled machine of markers, and passes everything
// through. Called by the run loop.
#pragma once

#include "sim/runner.h"
#include "vmm/core/recorder.h"
#include "vmm/machines/model/model_machine.h"

namespace ringside::sim {

class Watcher final : public vmm::Recorder {
 public:
  // `timed`: the modelled machine of a run that may be in detailed mode, or null.
  Watcher(vmm::Recorder& behind, const RunEnvironment& environment, vmm::ModelMachine* timed)
      : behind_(behind), progress_(environment.progress), listener_(environment.listener), timed_(timed) {}

  void on_run_start(Cycles time) override { behind_.on_run_start(time); }
  void on_run_end(Cycles time, const vmm::RunOutcome& outcome) override { behind_.on_run_end(time, outcome); }
  void on_exit(const vmm::Exit& exit) override {
    if (progress_) progress_->exits.fetch_add(1, std::memory_order_relaxed);
    if (listener_) listener_->on_exit(exit);
    behind_.on_exit(exit);
  }
  void on_entry(unsigned vcpu, Cycles time, Cycles monitor_time) override { behind_.on_entry(vcpu, time, monitor_time); }
  void on_port(const vmm::ExitInfo& info, const vmm::PortExit& exit, std::string_view device) override { behind_.on_port(info, exit, device); }
  void on_hypercall(const vmm::ExitInfo& info, const vmm::HypercallExit& exit) override { behind_.on_hypercall(info, exit); }
  void on_mmio(const vmm::ExitInfo& info, const vmm::MmioExit& exit, std::string_view device) override { behind_.on_mmio(info, exit, device); }
  void on_injection(unsigned vcpu, Cycles time, const vmm::Injection& injection) override { behind_.on_injection(vcpu, time, injection); }
  // The cycles up to the marker stand before it in the trace; the machine may change its mode at it.
  void on_marker(unsigned vcpu, Cycles time, uint32_t value) override {
    if (timed_) behind_.on_counters(time, timed_->cycle_counters());
    if (listener_) listener_->on_marker(vcpu, time, value);
    behind_.on_marker(vcpu, time, value);
    if (timed_) timed_->hardware().marker_written(value);
  }
  void on_counters(Cycles time, std::span<const vmm::NamedCounter> counters) override { behind_.on_counters(time, counters); }
  bool failed() const override { return behind_.failed(); }

 private:
  vmm::Recorder& behind_;
  RunProgress* progress_;
  vmm::Recorder* listener_;  // only of exits and markers
  vmm::ModelMachine* timed_;
};

}  // namespace ringside::sim
