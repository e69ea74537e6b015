// The recorder that writes a trace: turns what the run loop tells into the events of traces/schema.
// Made by sim's runner around an open Writer; one per run.
#pragma once

#include <string>

#include "traces/write/writer.h"
#include "vmm/core/recorder.h"

namespace ringside::vmm {

// The reason of a cause in the vocabulary of traces.
traces::ExitReason reason_of(const ExitCause& cause);

class TraceRecorder final : public Recorder {
 public:
  // `description` is the run's first event; its texts must live until on_run_start. `numbering`: whose numbers raw reasons are.
  TraceRecorder(traces::Writer& writer, traces::Numbering numbering, const traces::RunStart& description)
      : writer_(writer), numbering_(numbering), description_(description) {}

  void on_run_start(Cycles time) override;
  void on_run_end(Cycles time, const RunOutcome& outcome) override;
  void on_exit(const Exit& exit) override;
  void on_entry(unsigned vcpu, Cycles time, Cycles monitor_time) override;
  void on_port(const ExitInfo& info, const PortExit& exit, std::string_view device) override;
  void on_mmio(const ExitInfo& info, const MmioExit& exit, std::string_view device) override;
  void on_hypercall(const ExitInfo& info, const HypercallExit& exit) override;
  void on_injection(unsigned vcpu, Cycles time, const Injection& injection) override;
  void on_marker(unsigned vcpu, Cycles time, uint32_t value) override;
  void on_counters(Cycles time, std::span<const NamedCounter> counters) override;
  bool failed() const override { return writer_.failed(); }

 private:
  traces::Writer& writer_;
  traces::Numbering numbering_;
  traces::RunStart description_;
  Cycles start_;
};

// The numbering of a machine's raw reasons, and the clock its trace ticks in.
traces::Numbering numbering_of(const Machine& machine);
traces::Clock trace_clock_of(const Machine& machine);

}  // namespace ringside::vmm
