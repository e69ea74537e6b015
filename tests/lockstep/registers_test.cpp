// Register lockstep: the teaching kernel's workloads and the first stretch of Debian's boot under each technique beside native, compared at
// many points; and the harness itself, which must see a difference where there is one.
#include <iostream>

#include "tests/boot/fetched_guests.h"
#include "tests/lockstep/lockstep.h"
#include "vmm/techniques/bt/bt_equivalence.h"
#include "vmm/techniques/emulate/emulate_equivalence.h"
#include "vmm/techniques/hw/hw_equivalence.h"
#include "vmm/techniques/trap/trap_equivalence.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

struct Subject {
  const char* technique;
  const char* paging;
  vmm::PermittedDifferences permitted;
  std::optional<uint64_t> monitor_memory = std::nullopt;
  const char* isa = "x86";
};
const Subject kSubjects[] = {
    {"hw", "nested", vmm::hw_permitted_differences()},
    {"hw", "shadow", vmm::hw_permitted_differences()},
    {"hw", "agile", vmm::hw_permitted_differences()},
    {"emulate", "none", vmm::emulate_permitted_differences()},
    {"trap", "shadow", vmm::trap_permitted_differences(), std::nullopt, "strict"},
};
// With hardly more memory for its tables than one instruction may need at once.
constexpr uint64_t kLittleMemory = 1300 << 10;

Plan plan_of(const Subject& subject, sim::Run run) {
  Plan plan;
  plan.run = std::move(run);
  plan.run.technique = subject.technique;
  plan.run.paging = subject.paging;
  plan.run.isa = subject.isa;
  plan.run.monitor_memory = subject.monitor_memory;
  plan.permitted = subject.permitted;
  return plan;
}
Plan teaching(const Subject& subject, const std::string& command_line = "") {
  sim::Run run;
  run.guest.kernel = RINGSIDE_TEACHING_KERNEL;
  run.guest.command_line = command_line;
  run.memory = 32 << 20;
  return plan_of(subject, run);
}
const Subject kNested = kSubjects[0];

Verdict verdict_of(const Plan& plan) {
  const auto verdict = compare_with_native(plan);
  if (!verdict) FAIL(verdict.error().message);
  return verdict.value();
}
Verdict same(const Plan& plan) {
  const Verdict verdict = verdict_of(plan);
  INFO(plan.run.technique << " / " << plan.run.paging << " " << plan.run.guest.command_line);
  if (verdict.difference) FAIL_CHECK(verdict.difference->text());
  return verdict;
}

}  // namespace

TEST_CASE("the teaching kernel's processor and memory are native's all the way", "[lockstep]") {
  for (const Subject& subject : kSubjects) {
    Plan plan = teaching(subject);
    plan.every = 397;
    plan.memory_every = 100;
    const Verdict verdict = same(plan);
    CHECK(verdict.ended);
    CHECK(verdict.comparisons > 1000);
    CHECK(verdict.of_memory > 10);
    CHECK(verdict.excused == 0);
  }
}

TEST_CASE("the teaching kernel after each single instruction of its first and of some later ones", "[lockstep]") {
  for (const Subject& subject : kSubjects) {
    for (const uint64_t first : {0u, 200'000u}) {
      Plan plan = teaching(subject);
      plan.every = 1;
      plan.memory_every = 5'000;
      plan.first = first;
      plan.last = first + 10'000;
      CHECK(same(plan).comparisons > 9'000);
    }
  }
}

TEST_CASE("with hardly any memory for tables nothing changes for the guest", "[lockstep]") {
  for (const char* paging : {"shadow", "agile", "nested"}) {
    Plan plan = teaching({"hw", paging, vmm::hw_permitted_differences(), kLittleMemory});
    plan.every = 3'001;
    plan.memory_every = 50;
    CHECK(same(plan).ended);
  }
}

TEST_CASE("every workload of the teaching kernel", "[lockstep]") {
  for (const Subject& subject : kSubjects) {
    for (const char* workload : {"in", "cr8wr", "callret", "divzero", "ptemod", "syscall", "int80", "pgfault", "forkwait", "ctxswitch", "timer",
                                 "console", "compute", "tlb"}) {
      Plan plan = teaching(subject, std::string("workload=") + workload + " n=5");
      plan.every = 1'009;
      plan.memory_every = 500;
      CHECK(same(plan).ended);
    }
  }
}

TEST_CASE("aligned at the accesses to devices, as techniques that cannot count instructions are", "[lockstep]") {
  for (const Subject& subject : kSubjects) {
    Plan plan = teaching(subject);
    plan.align = Align::kDeviceAccesses;
    plan.every = 1;
    plan.memory_every = 100;
    const Verdict verdict = same(plan);
    CHECK(verdict.ended);
    CHECK(verdict.comparisons > 100);
  }
}

TEST_CASE("translated code, aligned at the accesses to devices: every register of every workload", "[lockstep]") {
  const Subject translated{"bt", "shadow", vmm::bt_permitted_differences()};
  for (const char* workload : {"in", "cr8wr", "callret", "divzero", "ptemod", "syscall", "int80", "pgfault", "forkwait", "console", "compute", "tlb"}) {
    Plan plan = teaching(translated, std::string("workload=") + workload + " n=20");
    plan.align = Align::kDeviceAccesses;
    plan.every = 1;
    plan.memory_every = 1'000'000;  // memory holds what the clock said
    const Verdict verdict = same(plan);
    CHECK(verdict.ended);
    CHECK(verdict.comparisons > 20);
  }
}

TEST_CASE("the first stretch of Debian's boot", "[lockstep]") {
  if (!guests_fetched()) return;
  for (const Subject& subject : kSubjects) {
    Plan plan = plan_of(subject, debian_run());
    plan.every = 9'973;
    plan.memory_every = 700;
    plan.last = 15'000'000;
    const Verdict verdict = same(plan);
    CHECK(verdict.comparisons > 1'000);
    CHECK(verdict.of_memory >= 2);
  }
}

// --- the harness itself -------------------------------------------------------------------------------------------------------------

TEST_CASE("one wrong bit in one register is named with the instruction it came up at", "[lockstep]") {
  Plan plan = teaching(kNested);
  constexpr uint64_t kFrom = 123'456;
  plan.state_of = [](vmm::Vcpu& vcpu) {
    auto state = state_of_model(vcpu);
    if (state && vcpu.instructions() >= kFrom) state->registers.gpr[hw::kRbx] ^= 1u << 7;
    return state;
  };
  plan.every = 5'000;
  plan.memory_every = 1'000'000;
  const Verdict verdict = verdict_of(plan);
  REQUIRE(verdict.difference);
  CHECK(verdict.difference->field == "rbx");
  CHECK(verdict.difference->instructions == kFrom);
  CHECK((verdict.difference->native ^ verdict.difference->other) == 1u << 7);
  CHECK(verdict.difference->rip != 0);
  CHECK(verdict.difference->text().find("after 123456 instructions") == 0);
}

TEST_CASE("what a technique declares may differ, bit by bit, and nothing else", "[lockstep]") {
  static constexpr vmm::PermittedDifference kPermitted[] = {{"rflags", hw::rflags::kIf, "for this test"}};
  Plan plan = teaching(kNested);
  plan.permitted = kPermitted;
  plan.every = 10'000;
  plan.last = 100'000;
  uint64_t flipped = hw::rflags::kIf;
  plan.state_of = [&](vmm::Vcpu& vcpu) {
    auto state = state_of_model(vcpu);
    if (state) state->registers.rflags ^= flipped;
    return state;
  };
  const Verdict excused = verdict_of(plan);
  CHECK_FALSE(excused.difference);
  CHECK(excused.excused == excused.comparisons);
  flipped |= hw::rflags::kCf;
  const Verdict refused = verdict_of(plan);
  REQUIRE(refused.difference);
  CHECK(refused.difference->field == "rflags");
}

TEST_CASE("a guest that ends otherwise, says something else or keeps something else in memory is seen", "[lockstep]") {
  // Native runs the plan's guest, the subject one with another command line: the same kernel, another fate.
  const Plan plan = teaching(kNested);
  const auto verdict_against = [&](const std::string& command_line, uint64_t every, uint64_t memory_every) {
    Plan other = plan;
    other.every = every;
    other.memory_every = memory_every;
    other.native_command_line = command_line;
    return verdict_of(other);
  };
  const Verdict memory = verdict_against("hz=250", 1, 1);   // the command line itself lies in memory
  REQUIRE(memory.difference);
  CHECK(memory.difference->field.starts_with("memory 0x"));
  const Verdict registers = verdict_against("workload=hello", 1'000, 1'000'000);
  REQUIRE(registers.difference);
  CHECK_FALSE(registers.difference->field.starts_with("memory"));
}
