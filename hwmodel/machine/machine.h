// The modelled PC as one object: RAM, CPUs, interrupt controllers, and modelled time. Devices that are not inside the
// machine (UART, RTC, virtio ...) are the monitor's business: an access to them stops the machine (StopPort, StopMmio).
// Called by vmm/machines/model and by tests.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "hwmodel/cost/profile.h"
#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"
#include "hwmodel/machine/time_plan.h"
#include "hwmodel/platform/chipset.h"
#include "hwmodel/platform/timer_queue.h"

namespace ringside::hw {

// Whether the CPUs of the machine can address the monitor's RAM: not where they only stand for the guest's virtual processors.
enum class MonitorRam : uint8_t { kVisible, kHidden };

struct MachineConfig {
  uint64_t memory_bytes = 256ull << 20;
  uint64_t monitor_bytes = 0;  // RAM for a monitor's tables, out of the guest's sight
  MonitorRam monitor_ram = MonitorRam::kVisible;
  unsigned cpus = 1;         // one runs for now; the others wait for their start-up IPI
  uint64_t seed = 0;         // of RDRAND and RDSEED
  SensitiveTraps sensitive_traps = SensitiveTraps::kAsBuilt;
  Executor executor = Executor::kProcessor;  // kInterpreter: prices and TLB are those of a program that interprets the guest
  std::optional<CostProfile> costs = {};  // what detailed mode charges, and the sizes of the TLBs; none: the machine has fast mode only
};

class Machine {
 public:
  static Result<std::unique_ptr<Machine>> create(const MachineConfig& config);
  ~Machine();

  PhysicalMemory& memory() { return memory_; }
  CodeCache& code() { return code_; }
  Chipset& chipset() { return *chipset_; }
  TimerQueue& clock() { return *clock_; }
  Cpu& cpu(unsigned i) { return *cpus_[i]; }
  unsigned cpu_count() const { return static_cast<unsigned>(cpus_.size()); }
  void set_observer(Observer* observer);

  // Modelled time of CPU 0, in cycles of 1 ns.
  Cycles now() const { return cpus_[0]->now(); }
  uint64_t idle_cycles() const { return idle_cycles_; }

  // --- time in detail (cost/cpu_time.h), of CPU 0 -------------------------------------------------------------------------------------
  // Detailed mode needs costs in the machine's configuration. Between runs only.
  void set_time_mode(TimeMode mode);
  // Changes of the mode while the machine runs.
  void set_time_plan(TimePlan plan);
  void marker_written(uint32_t value);
  TimeMode time_mode() const { return cpus_[0]->time.mode(); }
  // Time passes for what the monitor does: `times` operations at the profile's price, or cycles of a category. Nothing in fast mode.
  void charge(Primitive primitive, uint64_t times = 1) { cpus_[0]->time.charge(primitive, times); }
  void charge(CycleCategory category, uint64_t cycles) { cpus_[0]->time.charge(category, cycles); }
  // Where the time spent in detailed mode went; the categories sum to detailed_time().
  const CycleAccount& account() const { return cpus_[0]->time.account(); }
  void assert_balances() const { cpus_[0]->time.assert_balances(now()); }
  Cycles detailed_time() const { return cpus_[0]->time.detailed_time(now()); }

  // Runs CPU `i` until it stops, `instruction_limit` (of its counter) is reached (StopLimit), or `yield` was asked for (StopNone).
  // HLT with a timer armed skips modelled time to the timer; without one it is StopHalt: nothing can wake the machine.
  Stop run(unsigned i, uint64_t instruction_limit = ~0ull);
  // One instruction, exception or interrupt delivery.
  Stop step(unsigned i);
  // HLT of a guest whose monitor waits for it: modelled time jumps to the next timer event, which then fires. False: nothing is armed.
  bool wait_for_timer(unsigned i);
  // Answers the last StopPort or StopMmio of CPU `i`; the next run() re-executes the instruction with it.
  void reply(unsigned i, uint64_t value, EmulatedDevices devices = EmulatedDevices::kReal);
  // run() returns (StopNone) after each skipped idle period, so that a caller who paces the machine by a real clock can wait.
  void return_after_idle() { return_after_idle_ = true; }
  // Makes run() return between blocks soon (from any thread or a signal handler); harmless when nothing runs.
  void request_yield() { yield_ = true; }

 private:
  PhysicalMemory& cpu_memory() { return cpu_memory_ ? *cpu_memory_ : memory_; }
  Machine(PhysicalMemory memory, const MachineConfig& config);
  void shorten_deadline();
  Cycles next_deadline() const;
  void follow_plan();
  void change_mode();
  bool skip_idle_time(Cpu& cpu);

  PhysicalMemory memory_;
  std::optional<PhysicalMemory> cpu_memory_;  // without the monitor's part
  CodeCache code_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::unique_ptr<TimerQueue> clock_;
  std::unique_ptr<Chipset> chipset_;
  Observer* observer_ = nullptr;
  std::vector<Stop> last_stop_;
  uint64_t instruction_limit_ = ~0ull;
  uint64_t idle_cycles_ = 0;
  TimePlan plan_;
  bool return_after_idle_ = false;
  std::atomic<bool> yield_{false};
};

}  // namespace ringside::hw
