// Recorder: who is told what happens in a run. The run loop calls it; core/trace_recorder.h writes a trace with it. Every method
// defaults to nothing, so NullRecorder is a recorder and level `off` costs a virtual call per exit.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "vmm/core/exit.h"
#include "vmm/core/machine.h"
#include "vmm/core/vcpu.h"

namespace ringside::vmm {

struct RunOutcome;  // core/run_loop.h

class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void on_run_start(Cycles /*time*/) {}
  virtual void on_run_end(Cycles /*time*/, const RunOutcome&) {}
  // The guest came out; exit.info has time and place.
  virtual void on_exit(const Exit&) {}
  // The guest is entered; `monitor_time` is what the monitor took since the exit before.
  virtual void on_entry(unsigned /*vcpu*/, Cycles /*time*/, Cycles /*monitor_time*/) {}
  // A port or MMIO access was answered by a device (empty name: no device claims the address).
  virtual void on_port(const ExitInfo&, const PortExit&, std::string_view /*device*/) {}
  virtual void on_mmio(const ExitInfo&, const MmioExit&, std::string_view /*device*/) {}
  // A hypercall of technique pv, with its result.
  virtual void on_hypercall(const ExitInfo&, const HypercallExit&) {}
  virtual void on_injection(unsigned /*vcpu*/, Cycles /*time*/, const Injection&) {}
  virtual void on_marker(unsigned /*vcpu*/, Cycles /*time*/, uint32_t /*value*/) {}
  virtual void on_counters(Cycles /*time*/, std::span<const NamedCounter>) {}
  // True once nothing more can be recorded (disk full): the run then ends, because a run without its trace is not what was asked for.
  virtual bool failed() const { return false; }
};

class NullRecorder final : public Recorder {};

}  // namespace ringside::vmm
