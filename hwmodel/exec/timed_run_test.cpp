// Detailed mode: every cycle has a category, prices are the profile's, and time is exact to the instruction whatever the block structure.
#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

// Prices that tell the classes and primitives apart in any sum.
CostTable distinct_costs() {
  CostTable costs;
  for (unsigned i = 0; i < kCostClasses; ++i) costs.instruction[i] = 2 + i;
  for (unsigned i = 0; i < kPrimitives; ++i) costs.primitive[i] = 100 + 7 * i;
  return costs;
}

struct TimedMachine : SmallMachine {
  explicit TimedMachine(Mode wanted, TimeMode time = TimeMode::kDetailed) : SmallMachine(wanted) {
    cpu.time.set_costs(distinct_costs());
    cpu.time.set_mode(time, cpu.now());
  }
  uint64_t cost(CostClass c) const { return cpu.time.costs().of(c); }
  uint64_t cost(Primitive p) const { return cpu.time.costs().of(p); }
  uint64_t of(CycleCategory c) const { return cpu.time.account().of(c); }
  bool balances() const { return cpu.time.account().balances(cpu.time.detailed_time(cpu.now())); }
};

// Flushes, misses in the middle of a block, iterations, a locked access and the time-stamp counter; then again, for ever.
void put_loop(SmallMachine& m) {
  m.put(at::kCode, {
      0x0f, 0x20, 0xd8,                                // mov rax, cr3
      0x0f, 0x22, 0xd8,                                // mov cr3, rax
      0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00,  // mov rbx, [0x12000]
      0x48, 0x01, 0xc3,                                // add rbx, rax
      0x48, 0x0f, 0xaf, 0xdb,                          // imul rbx, rbx
      0x48, 0x89, 0x1c, 0x25, 0x08, 0x20, 0x01, 0x00,  // mov [0x12008], rbx
      0x53, 0x5a,                                      // push rbx; pop rdx
      0xb9, 0x05, 0x00, 0x00, 0x00,                    // mov ecx, 5
      0xbf, 0x00, 0x21, 0x01, 0x00,                    // mov edi, 0x12100
      0xf3, 0xaa,                                      // rep stosb
      0x0f, 0x31,                                      // rdtsc
      0x48, 0x01, 0xc6,                                // add rsi, rax
      0xf0, 0x48, 0x01, 0x1c, 0x25, 0x10, 0x20, 0x01, 0x00,  // lock add [0x12010], rbx
      0xeb, 0xc5});                                    // jmp to the beginning
}

}  // namespace

TEST_CASE("fast mode: an instruction takes a cycle, nothing else does, and nothing is accounted", "[time]") {
  TimedMachine m(Mode::kLong, TimeMode::kFast);
  put_loop(m);
  m.cpu.deadline = 10'000;
  run(m.cpu);
  m.cpu.time.charge(Primitive::kVmExit);
  m.cpu.time.charge(CycleCategory::kDevice, 5);
  CHECK(m.cpu.now() == Cycles(10'000));
  CHECK(m.cpu.time.account().sum() == 0);
}

TEST_CASE("detailed mode: the price of each class, of the walk and of the flush, each in its category", "[time]") {
  TimedMachine m(Mode::kLong);
  m.put(at::kCode, {0x90, 0x48, 0x01, 0xc3, 0x48, 0x0f, 0xaf, 0xdb, 0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00, 0x0f, 0x22, 0xd8});
  m.cpu.gpr[kRax] = m.cpu.cr3;
  m.cpu.deadline = 5;
  run(m.cpu);
  CHECK(m.of(CycleCategory::kGuestKernel) == m.cost(CostClass::kNop) + m.cost(CostClass::kAlu) + m.cost(CostClass::kMultiply) + m.cost(CostClass::kMove) +
                                                 m.cost(CostClass::kSerialize));
  CHECK(m.of(CycleCategory::kGuestUser) == 0);
  CHECK(m.cpu.mmu.counters.walk_references == 3);  // code and data lie on one 2 MiB page
  CHECK(m.of(CycleCategory::kPageWalk) == 3 * m.cost(Primitive::kWalkReference));
  CHECK(m.of(CycleCategory::kTlb) == m.cost(Primitive::kTlbFlush) + m.cost(Primitive::kL2TlbHit));  // the data
  CHECK(m.balances());
}

TEST_CASE("E9: an access that hits the TLB makes no reference and costs its instruction alone", "[time][invariant]") {
  TimedMachine m(Mode::kLong);
  const auto load = [&] { return m.run({0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00}); };  // mov rbx, [0x12000]
  REQUIRE(load());
  const uint64_t references = m.cpu.mmu.counters.walk_references;
  for (int i = 0; i < 3; ++i) {
    const Cycles before = m.cpu.now();
    REQUIRE(load());
    CHECK(m.cpu.now() - before == m.cost(CostClass::kMove));
  }
  CHECK(m.cpu.mmu.counters.walk_references == references);
}

TEST_CASE("detailed mode: user code is charged to the user, its exception to the kernel", "[time]") {
  TimedMachine m(Mode::kLong);
  m.enter_user();
  REQUIRE(m.run({0x90}));
  CHECK(m.of(CycleCategory::kGuestUser) == m.cost(CostClass::kNop));
  CHECK(m.of(CycleCategory::kGuestKernel) == 0);
  m.run({0x0f, 0x0b});  // ud2
  CHECK(m.handler() == 6);
  CHECK(m.of(CycleCategory::kGuestUser) == m.cost(CostClass::kNop));
  CHECK(m.of(CycleCategory::kGuestKernel) == m.cost(Primitive::kExceptionDelivery));
  CHECK(m.balances());
}

TEST_CASE("detailed mode: REP costs a cycle and its iterations", "[time]") {
  TimedMachine m(Mode::kProtected);
  for (const uint32_t count : {0u, 1u, 7u, 1000u}) {
    m.cpu.rip = at::kCode;
    m.cpu.gpr[kRcx] = count;
    m.cpu.gpr[kRdi] = at::kData;
    const Cycles before = m.cpu.now();
    REQUIRE(m.run({0xf3, 0xaa}));
    CHECK(m.cpu.now() - before == 1 + count * m.cost(CostClass::kString));
  }
  CHECK(m.balances());
}

// The reference steps: it has no blocks and no cuts.
TEST_CASE("detailed mode: a deadline in time is met at the same instruction in blocks as in single steps", "[time]") {
  TimedMachine blocks(Mode::kLong), steps(Mode::kLong);
  put_loop(blocks);
  put_loop(steps);
  uint64_t deadline = 0, random = 1;
  for (unsigned turn = 0; turn < 2000; ++turn) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    deadline = std::max(deadline, blocks.cpu.now().value) + 1 + (random >> 33) % 150;
    blocks.cpu.cycle_deadline = deadline;
    REQUIRE(std::holds_alternative<StopLimit>(run(blocks.cpu)));
    while (steps.cpu.now().value < deadline) steps.step_once();
    INFO("turn " << turn << ", deadline " << deadline);
    REQUIRE(blocks.cpu.now() == steps.cpu.now());
    REQUIRE(blocks.cpu.counters.instructions == steps.cpu.counters.instructions);
    REQUIRE(blocks.cpu.rip == steps.cpu.rip);
    REQUIRE(blocks.cpu.gpr[kRsi] == steps.cpu.gpr[kRsi]);  // the sum of all time stamps read
    REQUIRE(blocks.balances());
    REQUIRE(steps.balances());
    for (unsigned i = 0; i < kCycleCategories; ++i) {
      const auto category = static_cast<CycleCategory>(i);
      REQUIRE(blocks.of(category) == steps.of(category));
    }
  }
  REQUIRE(blocks.cpu.counters.instructions > 5'000);
}

TEST_CASE("detailed mode: switched on and off, the account covers the time it was on", "[time]") {
  TimedMachine m(Mode::kLong, TimeMode::kFast);
  put_loop(m);
  for (unsigned turn = 1; turn <= 6; ++turn) {
    m.cpu.time.set_mode(turn % 2 ? TimeMode::kDetailed : TimeMode::kFast, m.cpu.now());
    m.cpu.deadline = turn * 1000;
    run(m.cpu);
    m.cpu.time.idle(77);
    REQUIRE(m.balances());
  }
  CHECK(m.of(CycleCategory::kIdle) == 3 * 77);
  CHECK(m.cpu.now().value > m.cpu.time.account().sum());
}

TEST_CASE("emulation: an instruction run for the guest is the monitor's, its device accesses are the device's", "[time]") {
  TimedMachine m(Mode::kLong);
  m.cpu.time.begin_emulation(m.cpu.now());
  REQUIRE(m.run({0x48, 0x0f, 0xaf, 0xdb}));
  m.cpu.time.charge(Primitive::kWalkReference, 4);
  m.cpu.time.charge(Primitive::kDeviceAccess);
  m.cpu.time.end_emulation(m.cpu.now());
  CHECK(m.of(CycleCategory::kMonitorEmulate) == 1);
  CHECK(m.of(CycleCategory::kDevice) == m.cost(Primitive::kDeviceAccess));
  CHECK(m.of(CycleCategory::kPageWalk) == 0);
  CHECK(m.balances());
}
