// Technique emulate: the same guest as under native, at an interpreter's prices and all on the monitor's account; and by the host's clock.
#include "vmm/techniques/emulate/emulate_machine.h"

#include <cstring>

#include "hwmodel/cost/profile.h"
#include "tests/catch.h"
#include "vmm/core/handlers.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

hw::MachineConfig config() {
  hw::MachineConfig c;
  c.memory_bytes = 2 << 20;
  c.costs = hw::load_cost_profile(std::string(hw::kDefaultCostProfile)).value();
  return c;
}

// Real-mode code at 0:0x1000, IF clear.
void start(ModelMachine& machine, std::initializer_list<uint8_t> code) {
  std::memcpy(machine.memory().host(GuestPhysical(0x1000)), code.begin(), code.size());
  Registers r = reset_registers();
  r.segment[hw::kCs] = {.base = 0, .limit = 0xffff, .selector = 0, .rights = r.segment[hw::kCs].rights};
  r.rip = 0x1000;
  r.gpr[hw::kRsp] = 0x8000;
  REQUIRE(machine.vcpu(0).set_registers(r));
}

Exit run_to_halt(ModelMachine& machine) {
  for (unsigned i = 0; i < 100'000; ++i) {
    auto exit = machine.vcpu(0).run({});
    REQUIRE(exit);
    if (std::holds_alternative<InterruptedExit>(exit.value().cause)) continue;
    return exit.value();
  }
  FAIL("the guest does not halt");
  std::abort();
}

// mov cx, 1000; again: push cx; pop dx; dec cx; jnz again; hlt
constexpr std::initializer_list<uint8_t> kLoop = {0xb9, 0xe8, 0x03, 0x51, 0x5a, 0x49, 0x75, 0xfb, 0xf4};
constexpr uint64_t kLoopInstructions = 1 + 4 * 1000 + 1;

uint64_t detailed_cycles(ModelMachine& machine) {
  machine.hardware().set_time_mode(hw::TimeMode::kDetailed);
  start(machine, kLoop);
  CHECK(std::holds_alternative<HaltExit>(run_to_halt(machine).cause));
  machine.hardware().assert_balances();
  return machine.hardware().detailed_time().value;
}

uint64_t counter(ModelMachine& machine, const std::string& name) {
  for (const NamedCounter& c : machine.counters()) {
    if (c.name == name) return c.value;
  }
  return ~0ull;
}

}  // namespace

TEST_CASE("emulate: each instruction and memory operand at the interpreter's price, on the monitor's account", "[emulate]") {
  auto native = std::move(ModelMachine::create(config()).value());
  auto emulate = std::move(create_emulate_machine({.machine = config()}).value());
  const uint64_t alone = detailed_cycles(*native), interpreted = detailed_cycles(*emulate);
  const hw::CostTable prices = config().costs->table();
  const uint64_t dispatch = prices.of(hw::Primitive::kInterpretInstruction), hit = prices.of(hw::Primitive::kSoftTlbHit);
  const hw::CycleAccount &account = emulate->hardware().account(), &processor = native->hardware().account();
  const uint64_t misses = counter(*emulate, "soft_tlb_misses") * prices.of(hw::Primitive::kSoftTlbMiss);
  const uint64_t hardware_misses = processor.of(hw::CycleCategory::kPageWalk) + processor.of(hw::CycleCategory::kTlb);
  CHECK((interpreted - misses) - (alone - hardware_misses) == kLoopInstructions * dispatch + 2 * 1000 * hit);
  CHECK(account.of(hw::CycleCategory::kGuestKernel) == 0);
  CHECK(account.of(hw::CycleCategory::kMonitorEmulate) == interpreted);
  CHECK(counter(*emulate, "interpreted_instructions") == kLoopInstructions);
  CHECK(counter(*native, "interpreted_instructions") == ~0ull);
  CHECK(emulate->vcpu(0).registers().value().gpr[hw::kRdx] == native->vcpu(0).registers().value().gpr[hw::kRdx]);
}

TEST_CASE("emulate on the host: its clock, and /dev/kvm is not needed", "[emulate]") {
  auto machine = std::move(create_emulate_machine({.machine = config(), .on = EmulateOn::kHost}).value());
  CHECK(machine->name() == "kvm");
  CHECK_FALSE(machine->capabilities().deterministic);
  CHECK(machine->capabilities().time_unit == TimeUnit::kHostNanoseconds);
  REQUIRE(machine->capabilities().notes.size() == 1);
  CHECK(machine->capabilities().notes[0].find("/dev/kvm is not used") != std::string::npos);
  // RDTSC twice, 200'000 instructions (some stretches) apart: more time has passed than instructions retired, unless the host does one a ns.
  start(*machine, {0x0f, 0x31, 0x66, 0x89, 0xc6, 0x66, 0xb9, 0xa0, 0x86, 0x01, 0x00, 0x66, 0x49, 0x75, 0xfc, 0x0f, 0x31, 0xf4});
  CHECK(std::holds_alternative<HaltExit>(run_to_halt(*machine).cause));
  const Registers r = machine->vcpu(0).registers().value();
  CHECK(static_cast<uint32_t>(r.gpr[hw::kRax]) - static_cast<uint32_t>(r.gpr[hw::kRsi]) >= 200'000);
  CHECK(machine->clock().now().value >= machine->vcpu(0).instructions());
}

TEST_CASE("emulate on the host: an instruction bound is kept to the instruction, and stretches are no exits", "[emulate]") {
  auto machine = std::move(create_emulate_machine({.machine = config(), .on = EmulateOn::kHost}).value());
  start(*machine, {0xeb, 0xfe});   // jmp to itself
  RunBounds bounds;
  bounds.instruction_deadline = 50'001;
  unsigned slices = 0;
  for (;;) {
    const Exit exit = machine->vcpu(0).run(bounds).value();
    const auto* interrupted = std::get_if<InterruptedExit>(&exit.cause);
    REQUIRE(interrupted);
    if (interrupted->by == InterruptedBy::kInstructions) break;
    CHECK(interrupted->by == InterruptedBy::kSlice);
    ++slices;
  }
  CHECK(slices == 2);
  CHECK(machine->vcpu(0).instructions() == 50'001);
}
