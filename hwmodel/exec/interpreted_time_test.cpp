// Detailed mode with an interpreter as the executor: what each instruction, memory operand, miss and delivery of an interpreted guest costs,
// and that all of it is the monitor's.
#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

// Every price another power, so that a sum says what it consists of.
struct InterpretedMachine : SmallMachine {
  static constexpr uint64_t kClass = 1, kDispatch = 100, kHit = 1'000, kMiss = 100'000, kEmulate = 10'000'000;
  explicit InterpretedMachine(Mode wanted) : SmallMachine(wanted) {
    CostTable costs;
    costs.instruction.fill(kClass);
    costs.primitive.fill(1'000'000'000);  // nothing else may be charged
    set(costs, Primitive::kInterpretInstruction, kDispatch);
    set(costs, Primitive::kSoftTlbHit, kHit);
    set(costs, Primitive::kSoftTlbMiss, kMiss);
    set(costs, Primitive::kEmulateInstruction, kEmulate);
    cpu.mmu.set_tlb_profile(*find_tlb_profile(kSoftwareTlbProfile));
    cpu.time.set_costs(interpreted(costs));
    cpu.time.set_mode(TimeMode::kDetailed, cpu.now());
  }
  static void set(CostTable& costs, Primitive p, uint64_t cycles) { costs.primitive[static_cast<size_t>(p)] = static_cast<uint32_t>(cycles); }
  // Cycles of the second time, when nothing misses.
  uint64_t cost_of(std::initializer_list<uint8_t> bytes) {
    uint64_t cycles = 0;
    for (int i = 0; i < 2; ++i) {
      cpu.rip = at::kCode;
      cpu.gpr[kRsp] = at::kStack;
      cpu.gpr[kRsi] = cpu.gpr[kRdi] = cpu.gpr[kRax] = at::kData;
      cpu.gpr[kRcx] = 7;
      const Cycles before = cpu.now();
      REQUIRE(run(bytes));
      cycles = cpu.now() - before;
    }
    return cycles;
  }
  uint64_t of(CycleCategory c) const { return cpu.time.account().of(c); }
};
constexpr uint64_t kPlain = InterpretedMachine::kClass + InterpretedMachine::kDispatch, kHit = InterpretedMachine::kHit;

}  // namespace

TEST_CASE("interpreted: an instruction costs its class and a dispatch, and a look into the software TLB for each memory operand", "[time]") {
  InterpretedMachine m(Mode::kLong);
  CHECK(m.cost_of({0x90}) == kPlain);
  CHECK(m.cost_of({0x48, 0x01, 0xc3}) == kPlain);                   // add rbx, rax
  CHECK(m.cost_of({0x48, 0x8d, 0x58, 0x08}) == kPlain);             // lea rbx, [rax + 8]: an address, no access
  CHECK(m.cost_of({0x48, 0x8b, 0x18}) == kPlain + kHit);            // mov rbx, [rax]
  CHECK(m.cost_of({0x48, 0x01, 0x18}) == kPlain + kHit);            // add [rax], rbx: one operand, looked up once
  CHECK(m.cost_of({0x53}) == kPlain + kHit);                        // push rbx: the stack
  CHECK(m.cost_of({0xff, 0x30}) == kPlain + 2 * kHit);              // push [rax]
  CHECK(m.cost_of({0xa4}) == kPlain + 2 * kHit);                    // movsb
  CHECK(m.cost_of({0xe8, 0, 0, 0, 0}) == kPlain + kHit);            // call
  CHECK(m.cost_of({0xf3, 0xa4}) == kPlain + 7 * (1 + 2 * kHit));    // rep movsb, seven times, without dispatch
  CHECK(m.cpu.time.account().balances(m.cpu.time.detailed_time(m.cpu.now())));
}

TEST_CASE("interpreted: a walk is one software miss, an event is emulated, and nothing is the guest's own time", "[time]") {
  InterpretedMachine m(Mode::kLong);
  m.enter_user();
  REQUIRE(m.run({0x90}));
  CHECK(m.cpu.now() == Cycles(kPlain + InterpretedMachine::kMiss));
  m.run({0x0f, 0x0b});  // ud2
  REQUIRE(m.handler() == 6);
  CHECK(m.of(CycleCategory::kMonitorEmulate) == m.cpu.now().value);
  CHECK(m.cpu.now().value >= InterpretedMachine::kEmulate);
  CHECK(m.of(CycleCategory::kGuestUser) == 0);
  CHECK(m.of(CycleCategory::kGuestKernel) == 0);
  CHECK(m.of(CycleCategory::kPageWalk) == 0);
  CHECK(m.cpu.time.account().balances(m.cpu.time.detailed_time(m.cpu.now())));
}

TEST_CASE("interpreted: in fast mode an instruction takes a cycle, as everywhere", "[time]") {
  InterpretedMachine m(Mode::kLong);
  m.cpu.time.set_mode(TimeMode::kFast, m.cpu.now());
  REQUIRE(m.run({0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00}));
  CHECK(m.cpu.now() == Cycles(1));
}
