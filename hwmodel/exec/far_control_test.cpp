// Far transfers: JMP, CALL and RET through segments and gates, IRET in its variants, SYSCALL and SYSENTER, task switches.
#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

// jmp/call far selector:offset, 32-bit code.
bool far_direct(SmallMachine& m, uint8_t opcode, uint16_t selector, uint32_t offset) {
  return m.run({opcode, static_cast<uint8_t>(offset), static_cast<uint8_t>(offset >> 8), static_cast<uint8_t>(offset >> 16),
                static_cast<uint8_t>(offset >> 24), static_cast<uint8_t>(selector), static_cast<uint8_t>(selector >> 8)});
}
constexpr uint8_t kJmp = 0xea, kCall = 0x9a;

TEST_CASE("far JMP to every kind of code segment", "[far]") {
  for (unsigned rights = 0; rights < 256; ++rights) {
    for (unsigned rpl = 0; rpl < 4; ++rpl) {
      for (const bool user : {false, true}) {
        SmallMachine m(Mode::kProtected);
        if (user) m.enter_user();
        const unsigned type = rights & 0xf;
        if (!(rights & 0x10) && type != 0 && type != 8 && type != 10 && type != 13) continue;   // gates and tasks have tests of their own
        const unsigned cpl = user ? 3 : 0, dpl = rights >> 5 & 3;
        const bool code = (rights & 0x18) == 0x18, conforming = rights & 4;
        int want = -1;
        if (!code || (conforming ? dpl > cpl : rpl > cpl || dpl != cpl)) want = 13;
        else if (!(rights & 0x80)) want = 11;
        m.set_descriptor(sel::kSpare, descriptor(0x1000, 0xffff, static_cast<uint8_t>(rights), kFlat32));
        const bool retired = far_direct(m, kJmp, static_cast<uint16_t>(sel::kSpare | rpl), 0x4321);
        CAPTURE(rights, rpl, user, want);
        if (want < 0) {
          if (!retired || m.cpu.rip != 0x4321 || m.cpu.segment[kCs].selector != (sel::kSpare | cpl) || m.cpu.cpl != cpl) FAIL_CHECK("not reached");
        } else if (retired || m.handler() != want || m.stack(0) != sel::kSpare) {
          FAIL_CHECK("wrong fault");
        }
      }
    }
  }
}

TEST_CASE("far CALL and RET within a ring, and the limit of the target", "[far]") {
  SmallMachine m(Mode::kProtected);
  m.set_descriptor(sel::kSpare, descriptor(0x1000, 0x7fff, 0x9a, 0x4));
  REQUIRE(far_direct(m, kCall, sel::kSpare, 0x7fff));
  CHECK(m.stack(0) == at::kCode + 7);
  CHECK(m.stack(1) == sel::kCode32);
  REQUIRE(m.run({0xcb}));
  CHECK(m.cpu.rip == at::kCode + 7);
  CHECK(m.cpu.gpr[kRsp] == at::kStack);
  far_direct(m, kCall, sel::kSpare, 0x8000);
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == 0);
}

TEST_CASE("32-bit call gate: ring 3 to ring 0 with parameters, RET n back", "[far]") {
  SmallMachine m(Mode::kProtected);
  m.enter_user();
  m.poke(at::kTss + 102, uint16_t{0x68});
  m.set_descriptor(sel::kGate, gate(sel::kCode32, 0xc000, 0xec, 2));   // two parameters, DPL 3
  m.cpu.gpr[kRsp] = at::kUserStack - 8;
  m.poke(at::kUserStack - 8, uint32_t{0x11111111});
  m.poke(at::kUserStack - 4, uint32_t{0x22222222});
  REQUIRE(far_direct(m, kCall, sel::kGate | 3, 0xdeadbeef));   // the offset is ignored
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[kCs].selector == sel::kCode32);
  CHECK(m.cpu.gpr[kRsp] == at::kRing0Stack - 24);
  CHECK(m.stack(0) == at::kUserCode + 7);
  CHECK(m.stack(1) == sel::kUserCode32);
  CHECK(m.stack(2) == 0x11111111);
  CHECK(m.stack(3) == 0x22222222);
  CHECK(m.stack(4) == at::kUserStack - 8);
  CHECK(m.stack(5) == sel::kUserData);
  REQUIRE(m.run({0xca, 8, 0}));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.rip == at::kUserCode + 7);
  CHECK(m.cpu.gpr[kRsp] == at::kUserStack);
  CHECK_FALSE(m.cpu.segment[kEs].usable());
}

TEST_CASE("call gates: their own privilege, presence and target are checked", "[far]") {
  struct Case { uint16_t selector; uint8_t rights; int vector; uint16_t error; };
  const Case cases[] = {
      {sel::kCode32, 0x8c, 13, sel::kGate},                 // gate DPL 0 from ring 3
      {sel::kCode32, 0x6c, 11, sel::kGate},                 // not present
      {0, 0xec, 13, 0},                                     // null target
      {sel::kData, 0xec, 13, sel::kData},                   // not code
  };
  for (const Case& c : cases) {
    SmallMachine m(Mode::kProtected);
    m.enter_user();
    m.set_descriptor(sel::kGate, gate(c.selector, 0xc000, c.rights));
    far_direct(m, kCall, sel::kGate | 3, 0);
    CAPTURE(c.selector, unsigned{c.rights});
    CHECK(m.handler() == c.vector);
    CHECK(m.stack(0) == c.error);
  }
  SmallMachine m(Mode::kProtected);   // a JMP may not gain privilege
  m.enter_user();
  m.set_descriptor(sel::kGate, gate(sel::kCode32, 0xc000, 0xec));
  far_direct(m, kJmp, sel::kGate | 3, 0);
  CHECK(m.handler() == 13);
}

TEST_CASE("64-bit call gate takes RSP0 and a null SS; only 64-bit targets count", "[far]") {
  SmallMachine m(Mode::kLong);
  m.enter_user();
  m.set_descriptor(sel::kGate, gate(sel::kCode64, 0xc000, 0xec, 5), 0, true);
  m.poke(at::kData, uint32_t{0});
  m.poke(at::kData + 4, uint16_t{sel::kGate | 3});
  m.cpu.gpr[kRax] = at::kData;
  REQUIRE(m.run({0xff, 0x18}));   // call far [rax]
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.gpr[kRsp] == at::kRing0Stack - 32);
  CHECK(m.stack(0) == at::kUserCode + 2);
  CHECK(m.stack(3) == sel::kUserData);
  CHECK(m.cpu.segment[kSs].selector == 0);
  REQUIRE(m.run({0x48, 0xcb}));   // retfq
  CHECK(m.cpu.rip == at::kUserCode + 2);
  CHECK(m.cpu.gpr[kRsp] == at::kUserStack);
  m.set_descriptor(sel::kGate, gate(sel::kCode32, 0xc000, 0xec), 0, true);
  m.cpu.gpr[kRax] = at::kData;
  m.run({0xff, 0x18});
  CHECK(m.handler() == 13);
}

TEST_CASE("far return to an outer ring refuses a bad stack; to an inner ring it is refused outright", "[far]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gpr[kRsp] = at::kStack - 16;
  m.poke(at::kStack - 16, static_cast<uint32_t>(at::kUserCode));
  m.poke(at::kStack - 12, uint32_t{sel::kUserCode32});
  m.poke(at::kStack - 8, static_cast<uint32_t>(at::kUserStack));
  m.poke(at::kStack - 4, uint32_t{sel::kData});   // ring 0's
  m.run({0xcb});
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == sel::kData);
  SmallMachine n(Mode::kProtected);
  n.enter_user();
  n.cpu.gpr[kRsp] = at::kUserStack - 8;
  n.poke(at::kUserStack - 8, uint32_t{0xc000});
  n.poke(at::kUserStack - 4, uint32_t{sel::kCode32});
  n.run({0xcb});
  CHECK(n.handler() == 13);
  CHECK(n.cpu.counters.exceptions == 1);
}

TEST_CASE("IRET changes only the flags its privilege allows", "[far]") {
  for (const unsigned iopl : {0u, 3u}) {
    SmallMachine m(Mode::kProtected);
    m.enter_user();
    m.set_iopl(iopl);
    m.cpu.gpr[kRsp] = at::kUserStack - 12;
    m.poke(at::kUserStack - 12, static_cast<uint32_t>(at::kUserCode));
    m.poke(at::kUserStack - 8, uint32_t{sel::kUserCode32});
    m.poke(at::kUserStack - 4, uint32_t{0xffffffff & ~(rflags::kTf | rflags::kNt)});
    REQUIRE(m.run({0xcf}));
    const uint64_t f = m.cpu.rflags();
    CHECK(((f & rflags::kIf) != 0) == (iopl == 3));
    CHECK(((f >> 12) & 3) == iopl);
    CHECK((f & (rflags::kVm | rflags::kVif | rflags::kVip)) == 0);
    CHECK((f & (rflags::kAc | rflags::kId | rflags::kArithmetic)) == (rflags::kAc | rflags::kId | rflags::kArithmetic));
  }
}

TEST_CASE("long mode: IRET with NT is #GP; IRETQ to a non-canonical address too", "[far]") {
  SmallMachine m(Mode::kLong);
  m.cpu.system_flags |= rflags::kNt;
  m.run({0x48, 0xcf});
  CHECK(m.handler() == 13);
  SmallMachine n(Mode::kLong);
  n.cpu.gpr[kRsp] = at::kStack - 40;
  n.poke(at::kStack - 40, 0x8000'0000'0000ull);
  n.poke(at::kStack - 32, uint64_t{sel::kCode64});
  n.poke(at::kStack - 24, uint64_t{2});
  n.poke(at::kStack - 16, at::kStack);
  n.poke(at::kStack - 8, uint64_t{sel::kData});
  n.run({0x48, 0xcf});
  CHECK(n.handler() == 13);
  CHECK(n.stack(1) == at::kCode);
}

TEST_CASE("SYSCALL and SYSRET", "[far]") {
  SmallMachine m(Mode::kLong);
  m.enter_user();
  m.cpu.msr.star = uint64_t{0x23} << 48 | uint64_t{sel::kCode64} << 32;
  m.cpu.msr.lstar = 0xc000;
  m.cpu.msr.fmask = rflags::kIf | rflags::kDf | rflags::kAc;
  m.cpu.system_flags |= rflags::kIf | rflags::kDf;
  const uint64_t flags = m.cpu.rflags();
  REQUIRE(m.run({0x0f, 0x05}));
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.gpr[kRcx] == at::kUserCode + 2);
  CHECK(m.cpu.gpr[kR11] == flags);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[kCs].selector == sel::kCode64);
  CHECK(m.cpu.segment[kSs].selector == sel::kData);
  CHECK((m.cpu.system_flags & (rflags::kIf | rflags::kDf)) == 0);
  CHECK(m.cpu.gpr[kRsp] == at::kUserStack);
  REQUIRE(m.run({0x48, 0x0f, 0x07}));
  CHECK(m.cpu.rip == at::kUserCode + 2);
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.segment[kCs].selector == sel::kUserCode64);
  CHECK(m.cpu.rflags() == flags);
  CHECK(m.cpu.in_64bit_mode());
  m.run({0x48, 0x0f, 0x07});
  CHECK(m.handler() == 13);
}

TEST_CASE("SYSRET refuses a non-canonical RCX, 32-bit SYSRET enters compatibility mode, SYSCALL there is #UD", "[far]") {
  SmallMachine m(Mode::kLong);
  m.cpu.msr.star = uint64_t{0x1b} << 48;   // 32-bit code at 1bH is ring 3's in name only: the segments are made up
  m.cpu.gpr[kRcx] = 0x8000'0000'0000ull;
  m.cpu.gpr[kR11] = 2;
  m.run({0x48, 0x0f, 0x07});
  CHECK(m.handler() == 13);
  CHECK(m.cpu.cpl == 0);
  m.enter(sel::kCode64, sel::kData, at::kCode, at::kStack);
  m.cpu.gpr[kRcx] = at::kUserCode;
  REQUIRE(m.run({0x0f, 0x07}));
  CHECK(m.cpu.decode_mode.code_size == 32);
  CHECK(m.cpu.cpl == 3);
  m.run({0x0f, 0x05});
  CHECK(m.handler() == 6);
}

TEST_CASE("SYSENTER and SYSEXIT", "[far]") {
  SmallMachine m(Mode::kProtected);
  m.enter_user();
  m.run({0x0f, 0x34});
  CHECK(m.handler() == 13);   // SYSENTER_CS is 0
  m.cpu.msr.sysenter_cs = sel::kCode32;
  m.cpu.msr.sysenter_esp = 0xcafe0;
  m.cpu.msr.sysenter_eip = 0xc000;
  m.enter_user();
  m.cpu.system_flags |= rflags::kIf;
  REQUIRE(m.run({0x0f, 0x34}));
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.gpr[kRsp] == 0xcafe0);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[kSs].selector == sel::kCode32 + 8);
  CHECK((m.cpu.system_flags & rflags::kIf) == 0);
  m.cpu.gpr[kRdx] = at::kUserCode;
  m.cpu.gpr[kRcx] = at::kUserStack;
  REQUIRE(m.run({0x0f, 0x35}));
  CHECK(m.cpu.rip == at::kUserCode);
  CHECK(m.cpu.segment[kCs].selector == ((sel::kCode32 + 16) | 3));
  CHECK(m.cpu.cpl == 3);
}

// --- tasks --------------------------------------------------------------------------------------------------------------------------

void prepare_second_task(SmallMachine& m) {
  m.poke(at::kTss2 + 32, uint32_t{0xc000});                    // EIP
  m.poke(at::kTss2 + 36, uint32_t{2});                         // EFLAGS
  for (unsigned i = 0; i < 8; ++i) m.poke(at::kTss2 + 40 + 4 * i, uint32_t{0x100 + i});
  m.poke(at::kTss2 + 56, static_cast<uint32_t>(at::kRing1Stack));   // ESP
  for (unsigned i = 0; i < 6; ++i) m.poke(at::kTss2 + 72 + 4 * i, uint32_t{i == 1 ? sel::kCode32 : sel::kData});
  m.poke(at::kTss2 + 96, uint32_t{0});                         // LDT
}
uint8_t tss_rights(const SmallMachine& m, uint16_t selector) { return static_cast<uint8_t>(m.get_descriptor(selector) >> 40); }

TEST_CASE("CALL to a TSS nests, IRET returns; busy bits, links, NT and TS", "[task]") {
  SmallMachine m(Mode::kProtected);
  prepare_second_task(m);
  m.cpu.gpr[kRbx] = 0xb0b;
  m.cpu.arithmetic.unpack(rflags::kCf);
  REQUIRE(far_direct(m, kCall, sel::kTss2, 0));
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.gpr[kRbx] == 0x103);
  CHECK(m.cpu.gpr[kRsp] == at::kRing1Stack);
  CHECK((m.cpu.rflags() & (rflags::kNt | rflags::kCf)) == rflags::kNt);
  CHECK((m.cpu.cr0 & cr0::kTs) != 0);
  CHECK(m.cpu.tr.selector == sel::kTss2);
  CHECK(m.peek<uint16_t>(at::kTss2) == sel::kTss);
  CHECK(tss_rights(m, sel::kTss) == 0x8b);
  CHECK(tss_rights(m, sel::kTss2) == 0x8b);
  CHECK(m.peek<uint32_t>(at::kTss + 32) == at::kCode + 7);
  CHECK(m.peek<uint32_t>(at::kTss + 52) == 0xb0b);
  m.cpu.gpr[kRcx] = 0xccc;
  m.put(0xc000, {0xcf});
  REQUIRE(m.step_once());
  CHECK(m.cpu.rip == at::kCode + 7);
  CHECK(m.cpu.gpr[kRbx] == 0xb0b);
  CHECK((m.cpu.rflags() & (rflags::kNt | rflags::kCf)) == rflags::kCf);
  CHECK(tss_rights(m, sel::kTss2) == 0x89);
  CHECK(m.peek<uint32_t>(at::kTss2 + 44) == 0xccc);
  CHECK(m.peek<uint32_t>(at::kTss2 + 32) == 0xc001);
  CHECK((m.peek<uint32_t>(at::kTss2 + 36) & rflags::kNt) == 0);   // the nested task has ended
}

TEST_CASE("JMP to a TSS ends the old task; a busy one is refused", "[task]") {
  SmallMachine m(Mode::kProtected);
  prepare_second_task(m);
  REQUIRE(far_direct(m, kJmp, sel::kTss2, 0));
  CHECK(tss_rights(m, sel::kTss) == 0x89);
  CHECK(tss_rights(m, sel::kTss2) == 0x8b);
  CHECK((m.cpu.rflags() & rflags::kNt) == 0);
  far_direct(m, kJmp, sel::kTss2, 0);
  CHECK(m.handler() == 13);
}

TEST_CASE("a task gate as interrupt handler gets the error code on its own stack", "[task]") {
  SmallMachine m(Mode::kProtected);
  prepare_second_task(m);
  m.poke(at::kIdt + 8 * 13, gate(sel::kTss2, 0, 0x85));
  m.cpu.gpr[kRax] = 0x1234;
  m.run({0x8e, 0xd8});
  CHECK(m.cpu.rip == 0xc000);
  CHECK(m.cpu.gpr[kRsp] == at::kRing1Stack - 4);
  CHECK(m.stack(0) == 0x1234);
  CHECK(m.peek<uint32_t>(at::kTss + 32) == at::kCode);
  CHECK((m.peek<uint32_t>(at::kTss + 36) & rflags::kRf) != 0);
}

TEST_CASE("a bad segment of the new task faults in the new task; a TSS too small faults in the old", "[task]") {
  SmallMachine m(Mode::kProtected);
  prepare_second_task(m);
  m.poke(at::kTss2 + 84, uint32_t{0x1230});   // DS: no such selector
  far_direct(m, kJmp, sel::kTss2, 0);
  CHECK(m.handler() == 10);
  CHECK(m.stack(0) == 0x1230);
  CHECK(m.stack(1) == 0xc000);
  CHECK(m.cpu.tr.selector == sel::kTss2);
  SmallMachine n(Mode::kProtected);
  prepare_second_task(n);
  n.set_descriptor(sel::kTss2, descriptor(at::kTss2, 0x66, 0x89, 0));
  far_direct(n, kJmp, sel::kTss2, 0);
  CHECK(n.handler() == 10);
  CHECK(n.stack(1) == at::kCode);
  CHECK(n.cpu.tr.selector == sel::kTss);
}

TEST_CASE("the T bit of a TSS traps in the new task", "[task]") {
  SmallMachine m(Mode::kProtected);
  prepare_second_task(m);
  m.poke(at::kTss2 + 100, uint16_t{1});
  far_direct(m, kJmp, sel::kTss2, 0);
  CHECK(m.handler() == 1);
  CHECK((m.cpu.dr6 & dr6::kBt) != 0);
  CHECK(m.stack(0) == 0xc000);
}

}  // namespace
}  // namespace ringside::hw::testing
