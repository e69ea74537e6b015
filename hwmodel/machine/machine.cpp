#include "hwmodel/machine/machine.h"

#include <algorithm>
#include <cassert>

#include "hwmodel/exec/run.h"
#include "hwmodel/exec/segmentation.h"
#include "hwmodel/mmu/tlb_profile.h"

namespace ringside::hw {
namespace {

// How long the loop runs before it looks whether somebody wants it to yield. Cutting there is invisible to the guest.
constexpr uint64_t kSlice = 1'000'000;
// Timer events without an instruction in between (a halted guest with only masked timers): then the caller may look at its bounds.
constexpr unsigned kIdleTurns = 10'000;

}  // namespace

Result<std::unique_ptr<Machine>> Machine::create(const MachineConfig& config) {
  auto memory = PhysicalMemory::create(config.memory_bytes, config.monitor_bytes);
  if (!memory) return memory.error();
  return std::unique_ptr<Machine>(new Machine(std::move(memory.value()), config));
}

Machine::Machine(PhysicalMemory memory, const MachineConfig& config) : memory_(std::move(memory)), code_(memory_) {
  if (config.monitor_ram == MonitorRam::kHidden) cpu_memory_.emplace(memory_.without_monitor());
  clock_ = std::make_unique<TimerQueue>([this] { return now(); });
  clock_->on_change = [this] { shorten_deadline(); };
  chipset_ = std::make_unique<Chipset>(*clock_, config.cpus, [this](unsigned i) {
    if (i < cpus_.size()) cpus_[i]->attention = cpus_[i]->host_interrupt = true;
  });
  for (unsigned i = 0; i < config.cpus; ++i) {
    auto& cpu = *cpus_.emplace_back(std::make_unique<Cpu>(i, cpu_memory(), code_));
    cpu.chipset = chipset_.get();
    cpu.cpu_count = config.cpus;
    cpu.sensitive_traps = config.sensitive_traps;
    if (config.costs) {
      const CostTable costs = config.costs->table();
      cpu.time.set_costs(config.executor == Executor::kInterpreter ? interpreted(costs) : costs);
      cpu.mmu.set_tlb_profile(*find_tlb_profile(config.costs->tlb_profile));  // exists, as the profile's parser saw
    }
    if (config.executor == Executor::kInterpreter) cpu.mmu.set_tlb_profile(*find_tlb_profile(kSoftwareTlbProfile));
    cpu.random_state ^= config.seed * 0xd1342543de82ef95ull + i;
    reset(cpu);
  }
  last_stop_.resize(config.cpus);
}

Machine::~Machine() = default;

void Machine::set_time_mode(TimeMode mode) {
  for (auto& cpu : cpus_) {
    assert(mode == TimeMode::kFast || cpu->time.costs().of(CostClass::kNop) > 0);
    cpu->time.set_mode(mode, cpu->now());
  }
}

void Machine::set_observer(Observer* observer) {
  observer_ = observer;
  chipset_->observer = observer;
  for (auto& cpu : cpus_) {
    cpu->observer = observer;
    cpu->mmu.observer = observer;
  }
}

void Machine::set_time_plan(TimePlan plan) {
  plan_ = std::move(plan);
  follow_plan();
}

void Machine::marker_written(uint32_t value) {
  const ModeChange* change = plan_.next(ModeChange::At::kMarker);
  if (change && change->value == value) change_mode();
}

void Machine::change_mode() {
  set_time_mode(plan_.next()->to);
  plan_.advance();
  follow_plan();
}

// What the plan waits for may be here already. An address counts from the next instruction on, or a change at the address of the one
// before would come with it.
void Machine::follow_plan() {
  Cpu& cpu = *cpus_[0];
  const ModeChange* at_count = plan_.next(ModeChange::At::kInstructions);
  if (at_count && cpu.counters.instructions >= at_count->value) return change_mode();
  const ModeChange* at_address = plan_.next(ModeChange::At::kAddress);
  if (cpu.watching && at_address && cpu.rip == cpu.watch_rip && cpu.counters.instructions >= cpu.watch_from) {
    cpu.watching = false;
    return change_mode();
  }
  if (at_address && !cpu.watching) {
    cpu.watch_rip = at_address->value;
    cpu.watch_from = cpu.counters.instructions + 1;
  }
  cpu.watching = at_address != nullptr;
}

// Of the timers, and of the preemption timer in non-root mode.
Cycles Machine::next_deadline() const { return std::min(clock_->next_deadline(), Cycles(cpus_[0]->preemption_deadline)); }

// Where the loop must come back: at the caller's limit, the next timer, or the end of a slice. In instructions, and the timer in time
// too for detailed mode.
void Machine::shorten_deadline() {
  Cpu& cpu = *cpus_[0];
  const uint64_t count = cpu.counters.instructions;
  const Cycles time = now(), next = next_deadline();
  const uint64_t until_timer = next > time ? next - time : 0;
  const uint64_t timer = until_timer > ~0ull - count ? ~0ull : count + until_timer;
  const ModeChange* change = plan_.next(ModeChange::At::kInstructions);
  const uint64_t limit = change ? std::min(instruction_limit_, change->value) : instruction_limit_;
  cpu.deadline = std::min({limit, timer, count + kSlice});  // an instruction takes a cycle at least
  cpu.cycle_deadline = next.value;
}

// HLT: modelled time jumps to the next timer event. False: nothing will ever wake the CPU.
bool Machine::skip_idle_time(Cpu& cpu) {
  const bool can_wake = (cpu.system_flags & rflags::kIf) || chipset_->nmi_pending(cpu.id) || cpu.preemption_deadline != ~0ull;
  const Cycles time = now(), next = next_deadline();
  if (!can_wake) return false;
  if (chipset_->interrupt_pending(cpu.id)) {
    cpu.attention = true;
    return true;
  }
  if (next == TimerQueue::kNever) return false;
  const uint64_t skipped = next > time ? next - time : 0;
  cpu.time.idle(skipped);
  idle_cycles_ += skipped;
  if (return_after_idle_) yield_ = true;
  if (observer_) observer_->on_resume(skipped);
  return true;
}

bool Machine::wait_for_timer(unsigned i) {
  Cpu& cpu = *cpus_[i];
  const Cycles time = now(), next = clock_->next_deadline();
  if (next == TimerQueue::kNever) return false;
  const uint64_t skipped = next > time ? next - time : 0;
  cpu.time.idle(skipped);
  idle_cycles_ += skipped;
  clock_->run_due(now());
  return true;
}

Stop Machine::run(unsigned i, uint64_t instruction_limit) {
  Cpu& cpu = *cpus_[i];
  instruction_limit_ = instruction_limit;
  for (unsigned idle_turns = 0; idle_turns < kIdleTurns;) {
    clock_->run_due(now());
    if (yield_.exchange(false)) return StopNone{};
    follow_plan();
    shorten_deadline();
    const uint64_t before = cpu.counters.instructions;
    const Stop stop = hw::run(cpu);
    idle_turns = cpu.counters.instructions == before ? idle_turns + 1 : 0;
    if (std::holds_alternative<StopLimit>(stop)) {
      if (cpu.counters.instructions >= instruction_limit) return stop;
    } else if (!std::holds_alternative<StopHalt>(stop) || !skip_idle_time(cpu)) {
      last_stop_[i] = stop;
      return stop;
    }
  }
  return StopNone{};
}

Stop Machine::step(unsigned i) {
  Cpu& cpu = *cpus_[i];
  clock_->run_due(now());
  const Stop stop = hw::step(cpu);
  if (std::holds_alternative<StopHalt>(stop) && skip_idle_time(cpu)) return StopNone{};
  last_stop_[i] = stop;
  return stop;
}

void Machine::reply(unsigned i, uint64_t value, EmulatedDevices devices) {
  Cpu& cpu = *cpus_[i];
  IoReplies& replies = cpu.replies;
  if (devices == EmulatedDevices::kReal) cpu.time.charge(Primitive::kDeviceAccess);
  if (replies.count == IoReplies::kMax) return;
  IoReplies::Entry entry{};
  entry.value = value;
  if (const auto* port = std::get_if<StopPort>(&last_stop_[i])) {
    entry = {.address = port->port, .value = value, .size = port->size, .write = port->write, .mmio = false};
  } else if (const auto* mmio = std::get_if<StopMmio>(&last_stop_[i])) {
    entry = {.address = mmio->address.value, .value = value, .size = mmio->size, .write = mmio->write, .mmio = true};
  }
  replies.entry[replies.count++] = entry;
  cpu.want_single = true;
}

}  // namespace ringside::hw
