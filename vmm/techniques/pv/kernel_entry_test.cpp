// Entering the guest's kernel and leaving it: frames, views, masks, and who may raise what.
#include "tests/catch.h"

#include "vmm/techniques/pv/testing/small_guest.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::pv;
using namespace ringside::vmm::pv::testing;

namespace {

constexpr uint64_t kIf = hw::rflags::kIf, kTf = hw::rflags::kTf;

struct Fixture : SmallGuest {
  Fixture() {
    c.rip = 0x1111;
    c.rflags = 0x202 | kTf;
    c.gpr[hw::kRsp] = free(15) + 1000;
    c.gpr[hw::kRcx] = 0xcc;
    c.gpr[hw::kR11] = 0x11;
    domain->cpu.kernel_sp = free(15) + 2048;
    domain->cpu.syscall_callback = 0x9000;
    domain->cpu.event_callback = 0xa000;
    domain->cpu.trap[14] = {0xe000, 0, true};
    domain->cpu.trap[13] = {0xd000, 0, false};
    domain->cpu.trap[3] = {0x3000, 3, false};
    domain->cpu.trap[0x80] = {0x8000, 3, false};
    domain->cpu.trap[0x81] = {0x8100, 0, false};
  }
  RingContext& c = domain->context;
  uint64_t stacked(unsigned n) { return at<uint64_t>(c.gpr[hw::kRsp] + n * 8); }
  void to_user() {
    domain->cpu.enter_view(pv::View::kUser, c);
    domain->events.set_masked(false);
  }
};

}  // namespace

TEST_CASE("A page fault of user code enters the kernel on its stack") {
  Fixture f;
  f.to_user();
  const uint64_t user_sp = f.c.gpr[hw::kRsp];
  REQUIRE(enter_by_trap(*f.domain, {.vector = 14, .has_error = true, .software = false, .error = 6, .cr2 = 0xabc, .dr6 = 0}) == Entered::kYes);
  CHECK(f.domain->cpu.view == pv::View::kKernel);
  CHECK(f.c.rip == 0xe000);
  CHECK(f.c.gpr[hw::kRsp] == f.free(15) + 2048 - 64);
  CHECK(f.stacked(0) == 0xcc);
  CHECK(f.stacked(1) == 0x11);
  CHECK(f.stacked(2) == 6);
  CHECK(f.stacked(3) == 0x1111);
  CHECK(f.stacked(4) == kPvFlatCode64);
  CHECK(f.stacked(5) == (0x202 | kTf));
  CHECK(f.stacked(6) == user_sp);
  CHECK(f.stacked(7) == kPvFlatData);
  CHECK_FALSE(f.c.rflags & kTf);
  CHECK(f.domain->events.masked());
  CHECK(f.shared().vcpu[0].cr2 == 0xabc);
}

TEST_CASE("A trap in the kernel stays on its stack and shows the virtual interrupt flag") {
  Fixture f;
  const uint64_t sp = f.c.gpr[hw::kRsp];
  REQUIRE(enter_by_trap(*f.domain, {.vector = 13, .has_error = true, .software = false, .error = 0, .cr2 = 0, .dr6 = 0}) == Entered::kYes);
  CHECK(f.c.gpr[hw::kRsp] == (sp & ~15ull) - 64);
  CHECK(f.stacked(4) == (kPvFlatCode64 & ~3));
  CHECK_FALSE(f.stacked(5) & kIf);  // events were masked
  CHECK(f.stacked(6) == sp);
}

TEST_CASE("System calls and software interrupts") {
  Fixture f;
  f.to_user();
  SECTION("SYSCALL") {
    REQUIRE(enter_by_syscall(*f.domain) == Entered::kYes);
    CHECK(f.c.rip == 0x9000);
    CHECK(f.stacked(0) == 0x1113);
    CHECK(f.stacked(1) == (0x202 | kTf));
    CHECK(f.stacked(2) == 0x1113);
    CHECK(f.domain->events.masked());
  }
  SECTION("INT n, as its own vector or as the fault of a closed gate") {
    const RingException own{.vector = 0x80, .has_error = false, .software = true, .error = 0, .cr2 = 0, .dr6 = 0};
    const RingException gate{.vector = 13, .has_error = true, .software = false, .error = 0x80 * 8 + 2, .cr2 = 0, .dr6 = 0};
    REQUIRE(enter_by_trap(*f.domain, GENERATE_COPY(own, gate)) == Entered::kYes);
    CHECK(f.c.rip == 0x8000);
    CHECK(f.stacked(2) == 0x1113);
  }
  SECTION("INT n that user code may not raise is a general-protection fault at the instruction") {
    REQUIRE(enter_by_trap(*f.domain, {.vector = 0x81, .has_error = false, .software = true, .error = 0, .cr2 = 0, .dr6 = 0}) == Entered::kYes);
    CHECK(f.c.rip == 0xd000);
    CHECK(f.stacked(2) == 0x81 * 8 + 2);
    CHECK(f.stacked(3) == 0x1111);
  }
  SECTION("INT3") {
    REQUIRE(enter_by_trap(*f.domain, {.vector = 3, .has_error = false, .software = true, .error = 0, .cr2 = 0, .dr6 = 0}) == Entered::kYes);
    CHECK(f.c.rip == 0x3000);
    CHECK(f.stacked(2) == 0x1112);
  }
}

TEST_CASE("Events come only where they are due") {
  Fixture f;
  f.domain->events.raise(f.info.console_port);
  REQUIRE(enter_by_event(*f.domain) == Entered::kYes);
  CHECK(f.c.rip == 0x1111);  // masked
  f.to_user();
  REQUIRE(enter_by_event(*f.domain) == Entered::kYes);
  CHECK(f.c.rip == 0xa000);
  CHECK(f.domain->events.masked());
  CHECK(f.stacked(2) == 0x1111);
}

TEST_CASE("A guest that cannot be entered is lost, not the monitor") {
  Fixture f;
  CHECK(enter_by_trap(*f.domain, {.vector = 6, .has_error = false, .software = false, .error = 0, .cr2 = 0, .dr6 = 0}) == Entered::kNo);
  f.to_user();
  for (const uint64_t stack : std::vector<uint64_t>{0, 8, f.info.table_base + 4096, 0xffff808000001000, ~uint64_t{0}}) {
    f.domain->cpu.kernel_sp = stack;
    CHECK(enter_by_syscall(*f.domain) == Entered::kNo);
  }
}

TEST_CASE("iret goes back to either view") {
  Fixture f;
  pv_iret_frame frame{1, 2, 3, 0, 0x7777, kPvFlatCode64, 0x202 | hw::rflags::kIopl | hw::rflags::kVm, 0x5555, kPvFlatData};
  f.c.gpr[hw::kRsp] = f.free(3);
  SECTION("to user code, with events on") {
    f.at<pv_iret_frame>(f.free(3)) = frame;
    f.call(kPvIret);
    CHECK(std::get<Returned>(f.last).entered == Entered::kYes);
    CHECK(f.domain->cpu.view == pv::View::kUser);
    CHECK(f.c.rip == 0x7777);
    CHECK(f.c.gpr[hw::kRsp] == 0x5555);
    CHECK(f.c.gpr[hw::kRax] == 1);
    CHECK(f.c.gpr[hw::kR11] == 2);
    CHECK(f.c.gpr[hw::kRcx] == 3);
    CHECK(f.c.rflags == 0x202);  // no IOPL, no VM
    CHECK_FALSE(f.domain->events.masked());
  }
  SECTION("from a system call") {
    frame.flags = kPvIretInSyscall;
    frame.rflags = 0x202;
    f.at<pv_iret_frame>(f.free(3)) = frame;
    f.call(kPvIret);
    CHECK(f.c.gpr[hw::kRcx] == 0x7777);
    CHECK(f.c.gpr[hw::kR11] == 0x202);
  }
  SECTION("within the kernel, with events off") {
    frame.cs &= ~3;
    frame.rflags = 2;
    f.at<pv_iret_frame>(f.free(3)) = frame;
    f.call(kPvIret);
    CHECK(f.domain->cpu.view == pv::View::kKernel);
    CHECK(f.c.segment[hw::kCs].selector == kPvFlatCode64);
    CHECK(f.domain->events.masked());
  }
  SECTION("a bad frame leads to the failsafe callback, or ends the guest") {
    const bool has_callback = GENERATE(true, false);
    if (has_callback) f.domain->cpu.failsafe_callback = 0xf000;
    const int spoilt = GENERATE(0, 1, 2);
    if (spoilt == 0) frame.cs = 0x10;
    if (spoilt == 1) frame.ss = 0;
    if (spoilt == 2) frame.rip = 1ull << 47;
    f.at<pv_iret_frame>(f.free(3)) = frame;
    f.call(kPvIret);
    CHECK((std::get<Returned>(f.last).entered == Entered::kYes) == has_callback);
    if (has_callback) CHECK(f.c.rip == 0xf000);
    CHECK(f.domain->cpu.view == pv::View::kKernel);
  }
  SECTION("no frame at all ends the guest") {
    f.c.gpr[hw::kRsp] = 0;
    f.call(kPvIret);
    CHECK(std::get<Returned>(f.last).entered == Entered::kNo);
  }
}
