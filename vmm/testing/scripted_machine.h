// A Machine for unit tests: its vCPU plays back a script of exits and notes what the monitor answers. No guest code runs.
// Used by tests only.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vmm/core/machine.h"

namespace ringside::vmm::testing {

// Time moves only when the script says so.
class ManualClock final : public hw::Clock {
 public:
  Cycles time;
  Cycles now() const override { return time; }
  Timer add_timer(std::function<void()>) override { return 0; }
  void arm(Timer, Cycles) override {}
  void disarm(Timer) override {}
};

struct ScriptedExit {
  ExitCause cause;
  uint64_t guest_time = 10;          // the clock moves on by this much
  std::vector<uint8_t> data{};       // becomes PortExit::data
  uint64_t instructions = 1;
};

class ScriptedVcpu final : public Vcpu {
 public:
  explicit ScriptedVcpu(ManualClock& clock) : clock_(clock) {}

  std::deque<ScriptedExit> script;                   // when it is empty: a slice of 10 ticks, for ever
  Registers state;
  std::vector<std::vector<uint8_t>> port_answers;    // data of each PortExit when answered
  std::vector<uint64_t> mmio_answers;
  std::vector<bool> msr_faults;
  bool fail_next = false;

  unsigned id() const override { return 0; }
  Result<Exit> run(const RunBounds& bounds) override {
    if (fail_next) return fail(ExitCode::kHost, "scripted host failure");
    ScriptedExit next{.cause = InterruptedExit{.by = InterruptedBy::kSlice}};
    if (!script.empty()) {
      next = std::move(script.front());
      script.pop_front();
    }
    instructions_ += next.instructions;
    if (instructions_ >= bounds.instruction_deadline) next.cause = InterruptedExit{.by = InterruptedBy::kInstructions};
    clock_.time += next.guest_time;
    current_ = std::move(next.data);
    if (auto* port = std::get_if<PortExit>(&next.cause)) port->data = current_;
    Exit exit{.cause = next.cause, .info = {}};
    exit.info.time = clock_.time;
    exit.info.guest_time = Cycles(next.guest_time);
    exit.info.instructions = instructions_;
    return exit;
  }
  Result<Registers> registers() override { return state; }
  Result<void> set_registers(const Registers& r) override {
    state = r;
    return success();
  }
  void answer(const PortExit& exit) override { port_answers.emplace_back(exit.data.begin(), exit.data.end()); }
  void answer(const MmioExit& exit) override { mmio_answers.push_back(exit.value); }
  void answer(const HypercallExit&) override {}
  void answer(const MsrExit& exit) override { msr_faults.push_back(exit.fault); }
  Result<void> inject(const Injection&) override { return success(); }
  Result<void> set_stepping(Stepping) override { return success(); }
  void interrupt() noexcept override {}
  uint64_t instructions() const override { return instructions_; }
  bool peek_translate(GuestVirtual linear, GuestPhysical& physical) override {
    physical = GuestPhysical(linear.value);
    return true;
  }

 private:
  ManualClock& clock_;
  std::vector<uint8_t> current_;
  uint64_t instructions_ = 0;
};

class ScriptedMachine final : public Machine {
 public:
  ScriptedMachine() : memory_(hw::PhysicalMemory::create(1 << 20).value()), script(vcpu_.script) {
    capabilities_.counts_instructions = true;
  }

  ManualClock time;
  std::vector<NamedCounter> named_counters;

  std::string_view name() const override { return "scripted"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  hw::PhysicalMemory& memory() override { return memory_; }
  unsigned vcpu_count() const override { return 1; }
  ScriptedVcpu& vcpu(unsigned) override { return vcpu_; }
  hw::Bus& bus() override { return bus_; }
  hw::Clock& clock() override { return time; }
  hw::IrqLine irq_line(unsigned) override { return [](bool) {}; }
  std::vector<NamedCounter> counters() override { return named_counters; }

 private:
  ScriptedVcpu vcpu_{time};
  hw::PhysicalMemory memory_;
  hw::Bus bus_;
  Capabilities capabilities_;

 public:
  std::deque<ScriptedExit>& script;
};

// A device that remembers what was written and answers reads with a counter.
class ProbeDevice final : public hw::Device {
 public:
  struct Access { uint64_t offset; unsigned size; uint64_t value; };
  std::vector<Access> writes, reads;
  uint64_t next_value = 0x11;

  std::string_view name() const override { return "probe"; }
  uint64_t read(uint64_t offset, unsigned size) override {
    reads.push_back({offset, size, next_value});
    return next_value++;
  }
  void write(uint64_t offset, unsigned size, uint64_t value) override { writes.push_back({offset, size, value}); }
};

}  // namespace ringside::vmm::testing
