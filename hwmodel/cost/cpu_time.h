// CpuTime: the modelled time of one CPU beyond one cycle for each instruction, and the account of where time went. In fast mode
// an instruction takes one cycle, nothing else takes any, and nothing is accounted; in detailed mode everything has its price in
// the cost profile. Kept by the run loop; charged by the MMU, by event delivery and by the monitor (through Machine::charge).
#pragma once

#include <cassert>
#include <cstdint>

#include "hwmodel/cost/account.h"
#include "hwmodel/cost/cost_table.h"

namespace ringside::hw {

enum class TimeMode : uint8_t {
  kFast,      // functional: one cycle an instruction
  kDetailed,  // timed by the cost profile
};

// What an emulated instruction's device access reaches: hardware behind the bus, or a device the monitor itself plays, whose work is part of
// the emulator's price.
enum class EmulatedDevices : uint8_t { kReal, kVirtual };

class CpuTime {
 public:
  void set_costs(const CostTable& costs) { costs_ = costs; }
  const CostTable& costs() const { return costs_; }

  TimeMode mode() const { return mode_; }
  // Everything happening now is timed. False in fast mode and while the monitor's emulator runs.
  bool detailed() const { return charging_ == Charging::kAll; }
  // `now` is the CPU's time, here and below.
  void set_mode(TimeMode mode, Cycles now);

  // Cycles beyond one for each instruction retired.
  uint64_t extra() const { return extra_; }

  // Nothing in fast mode.
  void charge(Primitive primitive, uint64_t times = 1) {
    if (charging_ == Charging::kAll || (charging_ == Charging::kDevices && primitive == Primitive::kDeviceAccess))
      spend(done_by(category_of(primitive)), times * costs_.of(primitive));
  }
  // A page walk of so many references, by the processor's walker or an interpreter's software.
  void charge_walk(uint64_t references) {
    if (costs_.executor == Executor::kInterpreter) charge(Primitive::kSoftTlbMiss);
    else charge(Primitive::kWalkReference, references);
  }
  void charge(CycleCategory category, uint64_t cycles) {
    if (detailed()) spend(category, cycles);
  }
  // Time in which the CPU waits passes in both modes.
  void idle(uint64_t cycles) {
    extra_ += cycles;
    if (mode_ == TimeMode::kDetailed) account_.charge(CycleCategory::kIdle, cycles);
  }

  // --- for the run loop: the instructions of a block, `cycles` in all, one of them each already counted as an instruction ---------
  void add_extra(uint64_t cycles) { extra_ += cycles; }
  void take_back_extra(uint64_t cycles) { extra_ -= cycles; }
  // Iterations of a REP instruction, as they are made.
  void charge_iterations(uint64_t iterations, bool user) {
    charge(instructions_category(user), iterations * costs_.iteration());
  }
  CycleCategory instructions_category(bool user) const { return done_by(user ? CycleCategory::kGuestUser : CycleCategory::kGuestKernel); }
  void account_instructions(CycleCategory category, uint64_t cycles) { account_.charge(category, cycles); }

  // An instruction that a monitor did for the guest and counted: its one cycle.
  void instruction_by_monitor() {
    if (mode_ == TimeMode::kDetailed) account_.charge(CycleCategory::kMonitorEmulate, 1);
  }

  // Between the two the monitor's emulator runs an instruction for the guest: that instruction and its walks are part of the
  // emulator's price (Primitive::kEmulateInstruction), so only accesses to real devices are charged on their own.
  void begin_emulation(Cycles now, EmulatedDevices devices = EmulatedDevices::kReal);
  void end_emulation(Cycles now);

  const CycleAccount& account() const { return account_; }
  // Time spent in detailed mode: what the account's categories sum to.
  Cycles detailed_time(Cycles now) const { return mode_ == TimeMode::kDetailed ? detailed_ + (now - since_) : detailed_; }
  void assert_balances([[maybe_unused]] Cycles now) const { account_.assert_balances(detailed_time(now)); }

 private:
  enum class Charging : uint8_t { kNothing, kEmulation, kDevices, kAll };
  // Nothing of an interpreted guest runs by itself: all of it is the monitor's work.
  CycleCategory done_by(CycleCategory category) const {
    const bool guest = category == CycleCategory::kGuestUser || category == CycleCategory::kGuestKernel;
    return guest && costs_.executor == Executor::kInterpreter ? CycleCategory::kMonitorEmulate : category;
  }
  void spend(CycleCategory category, uint64_t cycles) {
    extra_ += cycles;
    account_.charge(category, cycles);
  }

  uint64_t extra_ = 0;
  Charging charging_ = Charging::kNothing;
  TimeMode mode_ = TimeMode::kFast;
  Cycles since_, detailed_;           // beginning of the current stretch of detailed mode, sum of those before
  Cycles emulation_began_;
  uint64_t emulation_accounted_ = 0;  // sum of the account then
  CostTable costs_;
  CycleAccount account_;
};

}  // namespace ringside::hw
