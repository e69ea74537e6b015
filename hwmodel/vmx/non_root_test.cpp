// Exits in non-root mode: which instructions leave under which controls, with the manual's reason and qualification; privilege faults before
// exits; exceptions, windows, injection and what entry and exit leave untouched.
#include "hwmodel/vmx/non_root.h"

#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;
using vmx::ExitReason;

namespace {

// A guest in 64-bit mode at at::kCode, without EPT, so its own tables translate.
struct Guest : SmallMachine {
  vmx::ControlBlock block;
  explicit Guest(std::initializer_list<uint8_t> code_bytes) : SmallMachine(Mode::kLong) {
    put(at::kCode, code_bytes);
    cpu.cr0 |= cr0::kNe;
    cpu.mode_changed();
    cpu.ldtr.rights = access_rights::kUnusable;
    block.entry_controls = vmx::entry::kIa32eModeGuest;
    block.cr0_shadow = cpu.cr0;
    block.cr4_shadow = cpu.cr4;
  }
  // Enters and runs to the first exit or `limit` instructions.
  Stop resume(uint64_t limit = 100) {
    const auto failure = vmx::enter(cpu, block);
    if (failure) FAIL(std::string(failure->field) + ": " + std::string(failure->rule));
    Stop stop = cpu.stop;
    if (std::holds_alternative<StopNone>(stop)) {
      cpu.deadline = cpu.counters.instructions + limit;
      stop = hw::run(cpu);
    }
    vmx::leave(cpu);
    return stop;
  }
  bool exits(ExitReason reason) {
    const Stop stop = resume();
    const auto* exit = std::get_if<StopVmExit>(&stop);
    return exit && exit->reason == static_cast<uint16_t>(reason) && block.exit_reason == reason;
  }
};

constexpr uint8_t kNop = 0x90;

}  // namespace

TEST_CASE("CPUID exits whatever the controls, at the instruction, with its length") {
  Guest g{kNop, 0x0f, 0xa2};
  CHECK(g.exits(ExitReason::kCpuid));
  CHECK(g.cpu.rip == at::kCode + 1);
  CHECK(g.block.exit_instruction_length == 2);
  CHECK(g.cpu.counters.instructions == 1);
  CHECK(g.cpu.guest == nullptr);
}

TEST_CASE("instructions that exit whatever the controls (E14)", "[invariant]") {
  struct Case {
    std::initializer_list<uint8_t> code;
    ExitReason reason;
  };
  // [SDM 3C 26.1.2 "Instructions That Cause VM Exits Unconditionally"]. MODEL: GETSEC and XSETBV are not announced, and raise #UD first.
  const Case cases[] = {
      {{0x0f, 0xa2}, ExitReason::kCpuid},
      {{0x0f, 0x08}, ExitReason::kInvd},
      {{0x0f, 0x01, 0xc1}, ExitReason::kVmcall},
      {{0x0f, 0x01, 0xc2}, ExitReason::kVmlaunch},
      {{0x0f, 0x01, 0xc3}, ExitReason::kVmresume},
      {{0x0f, 0x01, 0xc4}, ExitReason::kVmxoff},
      {{0x0f, 0x78, 0xc8}, ExitReason::kVmread},
      {{0x0f, 0x79, 0xc8}, ExitReason::kVmwrite},
      {{0x0f, 0xc7, 0x33}, ExitReason::kVmptrld},
      {{0x0f, 0xc7, 0x3b}, ExitReason::kVmptrst},
      {{0x66, 0x0f, 0xc7, 0x33}, ExitReason::kVmclear},
      {{0xf3, 0x0f, 0xc7, 0x33}, ExitReason::kVmxon},
      {{0x66, 0x0f, 0x38, 0x80, 0x03}, ExitReason::kInvept},
      {{0x66, 0x0f, 0x38, 0x81, 0x03}, ExitReason::kInvvpid},
  };
  for (const Case& c : cases) {
    Guest g(c.code);
    g.block.primary_controls = g.block.secondary_controls = 0;
    INFO("reason " << static_cast<unsigned>(c.reason));
    CHECK(g.exits(c.reason));
    CHECK(g.cpu.rip == at::kCode);
    CHECK(g.block.exit_instruction_length == c.code.size());
  }
}

TEST_CASE("an NMI window exits at once where NMIs are not blocked, and not while they are") {
  Guest open{kNop, kNop, 0xf4};
  open.block.pin_controls |= vmx::pin::kNmiExiting | vmx::pin::kVirtualNmis;
  open.block.primary_controls |= vmx::primary::kNmiWindow | vmx::primary::kHlt;
  CHECK(open.exits(ExitReason::kNmiWindow));
  CHECK(open.cpu.rip == at::kCode);

  Guest blocked{kNop, kNop, 0xf4};
  blocked.block.pin_controls |= vmx::pin::kNmiExiting | vmx::pin::kVirtualNmis;
  blocked.block.primary_controls |= vmx::primary::kNmiWindow | vmx::primary::kHlt;
  blocked.cpu.nmi_blocked = true;
  CHECK(blocked.exits(ExitReason::kHlt));
  CHECK(blocked.cpu.rip == at::kCode + 2);
}

TEST_CASE("the monitor's emulator does the instruction that exited") {
  Guest g{0x0f, 0xa2, 0xf4};
  CHECK(g.exits(ExitReason::kCpuid));
  g.cpu.gpr[kRax] = 0;
  vmx::begin_emulation(g.cpu, g.block);
  CHECK(std::holds_alternative<StopNone>(hw::step(g.cpu)));
  vmx::leave(g.cpu);
  CHECK(g.cpu.rip == at::kCode + 2);
  CHECK(g.cpu.gpr[kRbx] == 0x756e6547);  // "Genu"
}

TEST_CASE("HLT, RDTSC and INVLPG exit by their controls") {
  struct { std::initializer_list<uint8_t> code; uint32_t control; ExitReason reason; } const cases[] = {
      {{0xf4}, vmx::primary::kHlt, ExitReason::kHlt},
      {{0x0f, 0x31, 0xf4}, vmx::primary::kRdtsc, ExitReason::kRdtsc},
      {{0x0f, 0x01, 0x3b, 0xf4}, vmx::primary::kInvlpg, ExitReason::kInvlpg},   // invlpg [rbx]
      {{0x0f, 0x23, 0xf8, 0xf4}, vmx::primary::kMovDr, ExitReason::kDrAccess},  // mov dr7, rax
  };
  for (const auto& c : cases) {
    Guest with(c.code);
    with.cpu.gpr[kRbx] = 0x123456;
    with.cpu.gpr[kRax] = 0x400;
    with.block.primary_controls = c.control;
    CHECK(with.exits(c.reason));
    if (c.reason == ExitReason::kInvlpg) CHECK(with.block.exit_qualification == 0x123456);
    if (c.reason == ExitReason::kDrAccess) CHECK(with.block.exit_qualification == vmx::dr_qualification(7, false, 0));
    Guest without(c.code);
    without.cpu.gpr[kRax] = 0x400;
    CHECK(std::holds_alternative<StopHalt>(without.resume()));
  }
}

TEST_CASE("a privilege fault comes before the exit") {
  // HLT at CPL 3 raises #GP, whatever HLT exiting says; the exception bitmap makes it visible.
  Guest g{0xf4};
  g.put(at::kUserCode, {0xf4});
  g.enter_user();
  g.block.primary_controls = vmx::primary::kHlt;
  g.block.exception_bitmap = 1u << 13;
  CHECK(g.exits(ExitReason::kExceptionOrNmi));
  CHECK(g.block.exit_event.vector == 13);
  CHECK(g.block.exit_event.has_error);
}

TEST_CASE("ports exit by bitmap or all of them, with width, direction and port in the qualification") {
  Guest unintercepted{0xe6, 0x80, 0xf4};  // out 0x80, al; without a chipset it stops the machine instead
  unintercepted.block.primary_controls = vmx::primary::kIoBitmaps;
  CHECK(std::holds_alternative<StopPort>(unintercepted.resume()));
  Guest bitmap{0xe6, 0x80, 0xf4};
  bitmap.block.primary_controls = vmx::primary::kIoBitmaps;
  bitmap.block.io_bitmap[0x80] = true;
  CHECK(bitmap.exits(ExitReason::kIoInstruction));
  CHECK(bitmap.block.exit_qualification == vmx::io_qualification(0x80, 1, false, false, false, true));
  Guest all{0xed};  // in eax, dx
  all.cpu.gpr[kRdx] = 0xcfc;
  all.block.primary_controls = vmx::primary::kUnconditionalIo;
  CHECK(all.exits(ExitReason::kIoInstruction));
  CHECK(all.block.exit_qualification == vmx::io_qualification(0xcfc, 4, true, false, false, false));
  // A wide access exits if any of its ports is intercepted.
  Guest wide{0xed};
  wide.cpu.gpr[kRdx] = 0x10;
  wide.block.primary_controls = vmx::primary::kIoBitmaps;
  wide.block.io_bitmap[0x13] = true;
  CHECK(wide.exits(ExitReason::kIoInstruction));
}

TEST_CASE("MSRs exit by the bitmap, and all of them without one") {
  Guest g{0x0f, 0x32, 0xf4};  // rdmsr
  g.cpu.gpr[kRcx] = 0xc0000100;
  CHECK(g.exits(ExitReason::kRdmsr));
  Guest passed{0x0f, 0x32, 0xf4};
  passed.cpu.gpr[kRcx] = 0xc0000100;
  passed.block.primary_controls = vmx::primary::kMsrBitmaps;
  CHECK(std::holds_alternative<StopHalt>(passed.resume()));
  Guest outside{0x0f, 0x32, 0xf4};
  outside.cpu.gpr[kRcx] = 0x40000000;  // covered by no bitmap
  outside.block.primary_controls = vmx::primary::kMsrBitmaps;
  CHECK(outside.exits(ExitReason::kRdmsr));
}

TEST_CASE("bits of CR0 the monitor owns: reads show the shadow, writes exit only if they would change it") {
  // mov rax, cr0; mov rbx, rax; btc rax, 16 (WP); mov cr0, rax; btc rax, 3 (TS); mov cr0, rax
  Guest g{0x0f, 0x20, 0xc0, 0x48, 0x89, 0xc3, 0x48, 0x0f, 0xba, 0xf8, 0x10, 0x0f, 0x22, 0xc0, 0x48, 0x0f, 0xba, 0xf8, 0x03, 0x0f, 0x22, 0xc0};
  const uint64_t real = g.cpu.cr0;
  g.block.cr0_mask = cr0::kTs;
  g.block.cr0_shadow = real & ~cr0::kTs;
  g.cpu.cr0 |= cr0::kTs;  // the monitor has TS set for itself
  CHECK(g.exits(ExitReason::kCrAccess));
  CHECK(g.cpu.gpr[kRbx] == (real & ~cr0::kTs));
  CHECK(g.block.exit_qualification == vmx::cr_qualification(0, vmx::CrAccess::kMovTo, kRax));
  CHECK(((g.cpu.cr0 ^ real) & cr0::kWp) == cr0::kWp);  // the write that changed no owned bit took effect
  CHECK((g.cpu.cr0 & cr0::kTs) != 0);                   // and left the owned one alone
}

TEST_CASE("MOV to CR3 exits unless the value is a target") {
  Guest g{0x0f, 0x22, 0xd8, 0xf4};  // mov cr3, rax; hlt
  g.cpu.gpr[kRax] = g.cpu.cr3;
  g.block.primary_controls = vmx::primary::kCr3Load;
  CHECK(g.exits(ExitReason::kCrAccess));
  g.block.cr3_targets[1] = g.cpu.cr3;
  g.block.cr3_target_count = 2;
  CHECK(std::holds_alternative<StopHalt>(g.resume()));
}

TEST_CASE("page faults exit by the error-code mask and match") {
  Guest g{0x8a, 0x03};  // mov al, [rbx]
  g.cpu.gpr[kRbx] = 0x40000000;
  g.block.exception_bitmap = 1u << 14;
  CHECK(g.exits(ExitReason::kExceptionOrNmi));
  CHECK(g.block.exit_qualification == 0x40000000);
  CHECK(g.block.exit_event.error == 0);
  CHECK(g.cpu.cr2 == 0);  // not written by an exit
  g.block.page_fault_error_mask = 2;   // writes only
  g.block.page_fault_error_match = 2;
  g.block.exception_bitmap |= 1u << 13;
  const Stop stop = g.resume(1);
  CHECK(std::holds_alternative<StopLimit>(stop));
  CHECK(g.cpu.cr2 == 0x40000000);      // delivered to the guest
}

TEST_CASE("an injected interrupt reaches the guest's handler; a closed window opens with STI") {
  Guest g{kNop};
  g.cpu.system_flags |= rflags::kIf;
  g.block.injection = {.valid = true, .vector = 0x21};
  g.resume(0);
  CHECK(g.cpu.rip == at::kHandlers + 16 * 0x21);
  CHECK_FALSE(g.block.injection.valid);

  Guest window{0xfb, kNop, kNop, 0xf4};  // sti; nop; nop; hlt
  window.block.primary_controls = vmx::primary::kInterruptWindow;
  CHECK(window.exits(ExitReason::kInterruptWindow));
  CHECK(window.cpu.rip == at::kCode + 2);  // after the instruction in STI's shadow
}

TEST_CASE("a triple fault is an exit, and the host's interrupts are too") {
  Guest g{0x0f, 0x0b};  // ud2 with an empty IDT
  g.cpu.idtr.limit = 0;
  CHECK(g.exits(ExitReason::kTripleFault));
  Guest interrupted{kNop, kNop, 0xf4};
  interrupted.block.pin_controls = vmx::pin::kExternalInterruptExiting;
  interrupted.cpu.host_interrupt = interrupted.cpu.attention = true;
  CHECK(interrupted.exits(ExitReason::kExternalInterrupt));
  CHECK(interrupted.cpu.rip == at::kCode);
}

TEST_CASE("a refused entry changes nothing") {
  Guest g{kNop};
  g.block.eptp = 7;
  g.block.primary_controls = vmx::primary::kSecondary;
  g.block.secondary_controls = vmx::secondary::kEpt;
  const auto failure = vmx::enter(g.cpu, g.block);
  REQUIRE(failure.has_value());
  CHECK(failure->field == "EPT pointer");
  CHECK(g.cpu.guest == nullptr);
  CHECK(g.cpu.rip == at::kCode);
}

TEST_CASE("code decoded for non-root mode and for root mode do not mix") {
  Guest g{0x0f, 0xa2, 0xf4};
  CHECK(g.exits(ExitReason::kCpuid));
  g.cpu.deadline = ~0ull;
  g.cpu.stop = StopNone{};
  CHECK(std::holds_alternative<StopHalt>(hw::run(g.cpu)));  // native: CPUID just runs
}

// --- the preemption timer -----------------------------------------------------------------------------------------------------------------

namespace {

// Runs with the deadlines a machine would set; time is instructions here.
Stop resume_with_timer(Guest& g, uint32_t ticks) {
  g.block.pin_controls |= vmx::pin::kPreemptionTimer;
  g.block.preemption_timer = ticks;
  REQUIRE_FALSE(vmx::enter(g.cpu, g.block).has_value());
  Stop stop = StopLimit{};
  for (int turn = 0; turn < 2 && std::holds_alternative<StopLimit>(stop); ++turn) {
    g.cpu.deadline = std::min(g.cpu.preemption_deadline, g.cpu.counters.instructions + 1000);
    stop = hw::run(g.cpu);
  }
  vmx::leave(g.cpu);
  return stop;
}

bool expired(const Guest& g, const Stop& stop) {
  return std::holds_alternative<StopVmExit>(stop) && g.block.exit_reason == ExitReason::kPreemptionTimer && g.block.exit_qualification == 0;
}

}  // namespace

TEST_CASE("preemption timer: counts the TSC's bit 5, and exits with reason 52 when it has counted down") {
  for (const uint64_t start : {0u, 1u, 31u, 32u, 45u}) {
    for (const uint32_t ticks : {1u, 2u, 7u}) {
      Guest g{0xeb, 0xfe};  // jmp to itself
      g.cpu.deadline = start;
      hw::run(g.cpu);
      const Stop stop = resume_with_timer(g, ticks);
      CHECK(expired(g, stop));
      CHECK(g.cpu.now().value == (start / 32 + ticks) * 32);
      CHECK(g.cpu.rip == at::kCode);
      CHECK(g.cpu.preemption_deadline == ~0ull);  // root mode has no such timer
    }
  }
}

TEST_CASE("preemption timer: zero exits before the guest's first instruction, and before an interrupt of the host") {
  Guest g{kNop, kNop};
  g.block.pin_controls |= vmx::pin::kExternalInterruptExiting;
  g.cpu.host_interrupt = g.cpu.attention = true;
  const Stop stop = resume_with_timer(g, 0);
  CHECK(expired(g, stop));
  CHECK(g.cpu.counters.instructions == 0);
  CHECK(g.cpu.rip == at::kCode);
}

TEST_CASE("preemption timer: an event to inject is delivered before it expires") {
  Guest g{kNop};
  g.put(at::kHandlers + 16 * 32, {kNop});
  g.block.injection = {.valid = true, .type = vmx::EventType::kExternalInterrupt, .vector = 32};
  g.cpu.system_flags |= rflags::kIf;
  const Stop stop = resume_with_timer(g, 0);
  CHECK(expired(g, stop));
  CHECK(g.handler() == 32);
}

TEST_CASE("preemption timer: other exits come first where they are earlier, and without the control it never expires") {
  Guest g{kNop, 0x0f, 0xa2};
  const Stop stop = resume_with_timer(g, 5);
  CHECK(std::holds_alternative<StopVmExit>(stop));
  CHECK(g.block.exit_reason == ExitReason::kCpuid);
  Guest h{0xeb, 0xfe};
  h.block.preemption_timer = 1;
  CHECK(std::holds_alternative<StopLimit>(h.resume(500)));
}
