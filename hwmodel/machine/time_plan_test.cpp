// A machine changes between fast and detailed mode where its plan says, exactly before the instruction.
#include "hwmodel/machine/time_plan.h"

#include "hwmodel/machine/machine.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using At = ModeChange::At;

namespace {

constexpr uint64_t kCode = 0x8000;
constexpr uint64_t kIncrement = 3, kJump = 7;  // cycles

// Real mode, a loop of four instructions: three INC AX of one byte each, and a jump back.
struct Looping {
  std::unique_ptr<Machine> machine;
  Looping() {
    CostProfile profile = load_cost_profile(std::string(kDefaultCostProfile)).value();
    profile.instruction[static_cast<size_t>(CostClass::kAlu)].value = kIncrement;
    profile.instruction[static_cast<size_t>(CostClass::kBranch)].value = kJump;
    machine = Machine::create({.memory_bytes = 2 << 20, .costs = profile}).value();
    const uint8_t code[] = {0x40, 0x40, 0x40, 0xeb, 0xfb};
    std::memcpy(machine->memory().host(GuestPhysical(kCode)), code, sizeof code);
    Cpu& cpu = machine->cpu(0);
    cpu.segment[kCs] = {.base = 0, .limit = 0xffff, .selector = 0, .rights = 0x93};
    cpu.rip = kCode;
    cpu.mode_changed();
  }
  void run(uint64_t instructions) { CHECK(std::holds_alternative<StopLimit>(machine->run(0, instructions))); }
  uint64_t detailed() const { return machine->account().sum(); }
};

}  // namespace

TEST_CASE("time plan: from an instruction to an instruction, in the middle of blocks", "[time]") {
  Looping m;
  m.machine->set_time_plan(TimePlan({{TimeMode::kDetailed, At::kInstructions, 5}, {TimeMode::kFast, At::kInstructions, 9}}));
  m.run(100);
  CHECK(m.detailed() == 3 * kIncrement + kJump);  // number 5 is the second INC
  CHECK(m.machine->now() == Cycles(96 + m.detailed()));
  CHECK(m.machine->time_mode() == TimeMode::kFast);
  m.machine->assert_balances();
}

TEST_CASE("time plan: from an address on, and until the same address comes again", "[time]") {
  for (const uint64_t offset : {0u, 1u, 3u}) {
    INFO(offset);
    Looping m;
    m.machine->set_time_plan(TimePlan({{TimeMode::kDetailed, At::kAddress, kCode + offset}, {TimeMode::kFast, At::kAddress, kCode + offset}}));
    m.run(offset ? offset : 4);  // an address counts from the next instruction on
    CHECK(m.machine->time_mode() == TimeMode::kFast);
    CHECK(m.machine->cpu(0).rip == kCode + offset);
    m.run(100);
    CHECK(m.detailed() == 3 * kIncrement + kJump);
    CHECK(m.machine->time_mode() == TimeMode::kFast);
  }
}

TEST_CASE("time plan: markers count when they are next, and only the right one", "[time]") {
  Looping m;
  m.machine->set_time_plan(TimePlan({{TimeMode::kDetailed, At::kMarker, 1}, {TimeMode::kFast, At::kMarker, 2}}));
  m.machine->marker_written(2);
  CHECK(m.machine->time_mode() == TimeMode::kFast);
  m.machine->marker_written(1);
  CHECK(m.machine->time_mode() == TimeMode::kDetailed);
  m.run(4);
  m.machine->marker_written(1);
  m.machine->marker_written(2);
  m.machine->marker_written(1);
  m.run(50);
  CHECK(m.machine->time_mode() == TimeMode::kFast);
  CHECK(m.detailed() == 3 * kIncrement + kJump);
}

TEST_CASE("time plan: what the monitor does takes time in detailed mode only, in one category", "[time]") {
  Looping m;
  m.machine->charge(Primitive::kVmExit);
  CHECK(m.machine->now() == Cycles(0));
  m.machine->set_time_mode(TimeMode::kDetailed);
  m.machine->charge(Primitive::kShadowFill, 3);
  m.machine->charge(CycleCategory::kTranslation, 11);
  const uint64_t fill = m.machine->cpu(0).time.costs().of(Primitive::kShadowFill);
  CHECK(m.machine->now() == Cycles(3 * fill + 11));
  CHECK(m.machine->account().of(CycleCategory::kMonitorShadowFill) == 3 * fill);
  CHECK(m.machine->account().of(CycleCategory::kTranslation) == 11);
  CHECK(m.machine->account().sum() == m.machine->detailed_time().value);
}
