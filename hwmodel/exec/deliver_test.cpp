// Event delivery: vector table, 32-bit and 64-bit gates, stack switches, error codes, double and triple faults, debug traps.
#include <string>

#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/machine/observer.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

constexpr std::initializer_list<uint8_t> kUd2 = {0x0f, 0x0b}, kNop = {0x90};

TEST_CASE("real mode: INT pushes flags, CS and IP, and IRET returns", "[deliver]") {
  SmallMachine m(Mode::kReal);
  m.poke(0x21 * 4, uint32_t{0x0a00'0210});   // 0a00:0210
  m.cpu.system_flags |= rflags::kIf;
  REQUIRE(m.run({0xcd, 0x21}));
  CHECK(m.cpu.segment[kCs].base == 0xa000);
  CHECK(m.cpu.rip == 0x210);
  CHECK(m.stack(0) == at::kCode + 2);
  CHECK(m.stack(1) == 0);
  CHECK((m.stack(2) & rflags::kIf) != 0);
  CHECK(m.cpu.gpr[kRsp] == at::kStack - 6);
  CHECK((m.cpu.system_flags & rflags::kIf) == 0);
  REQUIRE(m.run({0xcf}));
  CHECK(m.cpu.rip == at::kCode + 2);
  CHECK(m.cpu.segment[kCs].base == 0);
  CHECK((m.cpu.system_flags & rflags::kIf) != 0);
}

TEST_CASE("real mode: a vector beyond IDTR's limit becomes #GP, and then shutdown", "[deliver]") {
  SmallMachine m(Mode::kReal);
  m.cpu.idtr.limit = 13 * 4 + 3;
  m.poke(13 * 4, uint32_t{0x0a00'00d0});
  m.run({0xcd, 0x40});
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == at::kCode);   // the fault's own address, not the one after INT
  m.cpu.idtr.limit = 3;
  m.run(kUd2);
  CHECK(std::holds_alternative<StopTripleFault>(m.last_stop));
}

TEST_CASE("protected mode: a fault keeps the ring's stack and pushes the error code", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.system_flags |= rflags::kIf;
  m.cpu.gpr[kRax] = 0x1234;         // no such selector
  m.run({0x8e, 0xd8});              // mov ds, ax
  REQUIRE(m.handler() == 13);
  CHECK(m.stack(0) == 0x1234);
  CHECK(m.stack(1) == at::kCode);
  CHECK(m.stack(2) == sel::kCode32);
  CHECK((m.stack(3) & (rflags::kIf | rflags::kRf)) == (rflags::kIf | rflags::kRf));
  CHECK(m.cpu.gpr[kRsp] == at::kStack - 16);
  CHECK((m.cpu.system_flags & rflags::kIf) == 0);
}

TEST_CASE("protected mode: from ring 3 the handler runs on the TSS's stack, and IRET gives everything back", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.enter_user();
  m.set_gate(6, sel::kCode32, 0x8f);   // a trap gate: IF stays
  m.cpu.system_flags |= rflags::kIf;
  Segment user_data = m.cpu.segment[kSs];
  m.cpu.segment[kDs] = user_data;
  m.run(kUd2);
  REQUIRE(m.handler() == 6);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[kSs].selector == sel::kData);
  CHECK(m.stack(0) == at::kUserCode);
  CHECK(m.stack(1) == sel::kUserCode32);
  CHECK(m.stack(3) == at::kUserStack);
  CHECK(m.stack(4) == sel::kUserData);
  CHECK(m.cpu.gpr[kRsp] == at::kRing0Stack - 20);
  CHECK((m.cpu.system_flags & rflags::kIf) != 0);
  REQUIRE(m.run({0xcf}));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.rip == at::kUserCode);
  CHECK(m.cpu.gpr[kRsp] == at::kUserStack);
  CHECK(m.cpu.segment[kSs].selector == sel::kUserData);
  CHECK(m.cpu.segment[kDs].usable());
  CHECK_FALSE(m.cpu.segment[kEs].usable());   // ring 0's, which ring 3 may not keep
}

TEST_CASE("software interrupts check the gate's privilege, exceptions do not", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.enter_user();
  m.set_gate(0x30, sel::kCode32, 0x8e);
  m.set_gate(6, sel::kCode32, 0x8e);
  m.run({0xcd, 0x30});
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == 0x30 * 8 + 2);   // IDT bit, EXT clear: the program did it
  CHECK(m.stack(1) == at::kUserCode);
  m.enter_user();
  m.run(kUd2);
  CHECK(m.handler() == 6);
}

TEST_CASE("a fault during delivery of an exception carries EXT; during INT n it does not", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.set_gate(6, sel::kCode32, 0x0e);   // not present
  m.run(kUd2);
  CHECK(m.handler() == 11);
  CHECK(m.stack(0) == 6 * 8 + 2 + 1);
  SmallMachine n(Mode::kProtected);
  n.set_gate(6, sel::kCode32, 0x0e);
  n.run({0xcd, 6});
  CHECK(n.handler() == 11);
  CHECK(n.stack(0) == 6 * 8 + 2);
}

TEST_CASE("contributory faults double and shut down; benign ones are served in turn", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.set_gate(13, sel::kCode32, 0x0e);   // #GP cannot be delivered: #NP, both contributory
  m.cpu.gpr[kRax] = 0x1234;
  m.run({0x8e, 0xd8});
  REQUIRE(m.handler() == 8);
  CHECK(m.stack(0) == 0);
  CHECK(m.stack(1) == at::kCode);

  SmallMachine n(Mode::kProtected);
  n.set_gate(13, sel::kCode32, 0x0e);
  n.set_gate(8, sel::kCode32, 0x0e);
  n.cpu.gpr[kRax] = 0x1234;
  n.run({0x8e, 0xd8});
  CHECK(std::holds_alternative<StopTripleFault>(n.last_stop));
}

TEST_CASE("a page fault during page-fault delivery is a double fault with CR2 of the second", "[deliver]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRax] = 0x40000000;
  m.cpu.gpr[kRsp] = 0x50000000;            // not mapped
  m.set_gate(8, sel::kCode64, 0x8e, 1);    // on its own stack
  m.run({0x48, 0x8b, 0x00});               // mov rax, [rax]
  REQUIRE(m.handler() == 8);
  CHECK(m.cpu.cr2 == 0x50000000 - 8);
  CHECK(m.cpu.gpr[kRsp] == at::kIstStack - 6 * 8);
  CHECK(m.stack(0) == 0);
  CHECK(m.stack(4) == 0x50000000);
}

TEST_CASE("page fault: error code, CR2 and return address in long mode", "[deliver]") {
  SmallMachine m(Mode::kLong);
  m.enter_user();
  m.cpu.gpr[kRax] = 0x40000123;
  m.run({0x88, 0x08});   // mov [rax], cl
  REQUIRE(m.handler() == 14);
  CHECK(m.cpu.cr2 == 0x40000123);
  CHECK(m.stack(0) == (2 | 4));   // write, user, not present
  CHECK(m.stack(1) == at::kUserCode);
  CHECK(m.cpu.counters.page_faults == 1);
}

TEST_CASE("64-bit gates align the stack, push SS:RSP always and switch by IST", "[deliver]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRsp] = at::kStack - 3;
  m.run(kUd2);
  REQUIRE(m.handler() == 6);
  CHECK(m.cpu.gpr[kRsp] == ((at::kStack - 3) & ~15ull) - 5 * 8);
  CHECK(m.stack(3) == at::kStack - 3);
  CHECK(m.stack(4) == sel::kData);
  CHECK(m.cpu.segment[kSs].selector == sel::kData);   // the ring did not change
  REQUIRE(m.run({0x48, 0xcf}));                       // iretq
  CHECK(m.cpu.rip == at::kCode);
  CHECK(m.cpu.gpr[kRsp] == at::kStack - 3);

  m.enter_user();
  m.set_gate(6, sel::kCode64, 0x8e, 1);
  m.run(kUd2);
  REQUIRE(m.handler() == 6);
  CHECK(m.cpu.gpr[kRsp] == at::kIstStack - 5 * 8);
  CHECK(m.cpu.segment[kSs].selector == 0);
  CHECK_FALSE(m.cpu.segment[kSs].usable());
  CHECK(m.cpu.cpl == 0);
}

TEST_CASE("long mode refuses handlers that are not 64-bit code, and a TSS too small for the stack", "[deliver]") {
  SmallMachine m(Mode::kLong);
  m.set_gate(6, sel::kCode32, 0x8e);
  m.run(kUd2);
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == (sel::kCode32 | 1));
  SmallMachine n(Mode::kLong);
  n.set_gate(6, sel::kCode64, 0x8e, 7);
  n.cpu.tr.limit = 0x40;
  n.run(kUd2);
  CHECK(n.handler() == 10);
  CHECK(n.stack(0) == (sel::kTss | 1));
}

TEST_CASE("compatibility mode enters a 64-bit handler and IRETQ goes back", "[deliver]") {
  SmallMachine m(Mode::kLong);
  m.enter(sel::kUserCode32, sel::kUserData, at::kUserCode, at::kUserStack);
  m.run({0xcd, 0x80});
  REQUIRE(m.handler() == 0x80);
  CHECK(m.cpu.in_64bit_mode());
  CHECK(m.stack(0) == at::kUserCode + 2);
  CHECK(m.stack(1) == sel::kUserCode32);
  REQUIRE(m.run({0x48, 0xcf}));
  CHECK_FALSE(m.cpu.in_64bit_mode());
  CHECK(m.cpu.decode_mode.code_size == 32);
  CHECK(m.cpu.rip == at::kUserCode + 2);
}

TEST_CASE("compatibility mode: a TSS above 4 GiB that crosses a page is read whole", "[deliver]") {
  SmallMachine m(Mode::kLong);
  constexpr uint64_t kUpperPdpt = 0x16000, kTop = 0xffff8000'40000000ull;   // its lower half, 40000000H, is not mapped
  m.poke(at::kPml4 + 8 * 256, kUpperPdpt | 7);
  m.poke(kUpperPdpt + 8, at::kPd | 7);
  m.cpu.tr.base = kTop + 0x14ff8;                        // RSP0 at ..4ffc, half on each page
  m.poke(0x14ffc, at::kRing0Stack);
  m.enter(sel::kUserCode32, sel::kUserData, at::kUserCode, at::kUserStack);
  m.run({0xcd, 0x80});
  REQUIRE(m.handler() == 0x80);
  CHECK(m.cpu.gpr[kRsp] == at::kRing0Stack - 40);
}

TEST_CASE("external interrupts and NMI: an NMI is held off until IRET", "[deliver]") {
  SmallMachine m(Mode::kLong);
  REQUIRE(deliver_external(m.cpu, 0x55));
  CHECK(m.handler() == 0x55);
  CHECK(m.stack(0) == at::kCode);
  CHECK(m.cpu.counters.interrupts == 1);
  REQUIRE(deliver_nmi(m.cpu));
  CHECK(m.handler() == 2);
  CHECK(m.cpu.nmi_blocked);
  REQUIRE(m.run({0x48, 0xcf}));
  CHECK_FALSE(m.cpu.nmi_blocked);
  CHECK(m.handler() == 0x55);
}

TEST_CASE("a stack where there is no memory takes pushes like an empty bus; no monitor is asked", "[deliver]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gpr[kRsp] = PhysicalMemory::kHoleStart + 0x1000;
  m.run(kUd2);
  CHECK(std::holds_alternative<StopNone>(m.last_stop));
  CHECK(m.handler() == 6);
  CHECK(m.cpu.gpr[kRsp] == PhysicalMemory::kHoleStart + 0x1000 - 12);
  CHECK(m.cpu.replies.count == 0);
}

TEST_CASE("what is observed: one page fault, then its delivery", "[deliver]") {
  struct Log : Observer {
    std::string text;
    void on_event_delivered(uint8_t vector, uint32_t error, bool external, uint64_t rip) override {
      text += "event " + std::to_string(vector) + ' ' + std::to_string(error) + (external ? " external " : " ") + std::to_string(rip) + ';';
    }
    void on_page_fault(uint64_t linear, uint32_t error, uint64_t) override { text += "fault " + std::to_string(linear) + ' ' + std::to_string(error) + ';'; }
  } log;
  SmallMachine m(Mode::kLong);
  m.cpu.observer = &log;
  m.cpu.gpr[kRax] = 0x40000000;
  m.run({0x8a, 0x00});   // mov al, [rax]
  deliver_external(m.cpu, 0x33);
  CHECK(log.text == "fault 1073741824 0;event 14 0 32768;event 51 0 external " + std::to_string(at::kHandlers + 14 * 16) + ';');
}

// --- virtual-8086 mode ----------------------------------------------------------------------------------------------------------

TEST_CASE("virtual-8086 mode: an exception saves the data segments on ring 0's stack, IRETD restores all", "[deliver][v86]") {
  SmallMachine m(Mode::kProtected);
  m.enter_v86();
  m.cpu.segment[kDs] = v86_segment(0x1111);
  m.cpu.segment[kGs] = v86_segment(0x4444);
  m.run(kUd2);
  REQUIRE(m.handler() == 6);
  CHECK(m.cpu.cpl == 0);
  CHECK_FALSE(m.cpu.in_v86_mode());
  CHECK(m.stack(0) == 0);
  CHECK(m.stack(1) == 0x800);
  CHECK((m.stack(2) & rflags::kVm) != 0);
  CHECK(m.stack(3) == 0xffe);
  CHECK(m.stack(4) == 0xe00);
  CHECK(m.stack(6) == 0x1111);
  CHECK(m.stack(8) == 0x4444);
  CHECK_FALSE(m.cpu.segment[kDs].usable());
  REQUIRE(m.run({0xcf}));
  CHECK(m.cpu.in_v86_mode());
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.segment[kDs].base == 0x11110);
  CHECK(m.cpu.segment[kSs].base == 0xe000);
  CHECK(m.cpu.decode_mode.code_size == 16);
}

TEST_CASE("virtual-8086 mode: INT n by IOPL, VME and the redirection bitmap", "[deliver][v86]") {
  SmallMachine m(Mode::kProtected);
  const auto interrupt = [&](unsigned iopl, bool vme, bool redirect_to_monitor) {
    m.enter_v86();
    m.set_iopl(iopl);
    m.cpu.system_flags |= rflags::kVif | rflags::kIf;
    m.cpu.cr4 = vme ? cr4::kVme : 0;
    m.poke(at::kTss + 102, uint16_t{0x100});
    m.poke(at::kTss + 0x100 - 32 + 0x21 / 8, static_cast<uint8_t>(redirect_to_monitor ? 0xff : 0));
    m.poke(0x21 * 4, uint32_t{0x0777'0040});
    m.run({0xcd, 0x21});
  };
  interrupt(0, false, true);
  CHECK(m.handler() == 13);
  interrupt(3, false, false);
  CHECK(m.handler() == 0x21);
  interrupt(3, true, true);
  CHECK(m.handler() == 0x21);
  interrupt(0, true, true);
  CHECK(m.handler() == 13);
  interrupt(0, true, false);   // to the program's own handler, on its own stack, VIF for IF
  CHECK(m.cpu.in_v86_mode());
  CHECK(m.cpu.segment[kCs].selector == 0x777);
  CHECK(m.cpu.rip == 0x40);
  CHECK(m.cpu.gpr[kRsp] == 0xffe - 6);
  CHECK((m.peek<uint16_t>(0xe000 + 0xffe - 2) & (rflags::kIf | rflags::kIopl)) == (rflags::kIf | rflags::kIopl));
  CHECK((m.cpu.system_flags & (rflags::kVif | rflags::kIf)) == rflags::kIf);
}

// --- debug exceptions -------------------------------------------------------------------------------------------------------------

TEST_CASE("TF traps after the instruction, with BS; the handler runs without TF", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.cpu.system_flags |= rflags::kTf;
  m.run(kNop);
  REQUIRE(m.handler() == 1);
  CHECK(m.cpu.dr6 == (dr6::kFixed | dr6::kBs));
  CHECK(m.stack(0) == at::kCode + 1);
  CHECK((m.stack(2) & rflags::kTf) != 0);
  CHECK((m.cpu.system_flags & rflags::kTf) == 0);
}

TEST_CASE("POPF that sets TF traps after the next instruction; INT n under TF does not trap in its handler", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRsp] = at::kStack - 8;
  m.poke(at::kStack - 8, uint64_t{rflags::kTf | 2});
  REQUIRE(m.run({0x9d}));
  m.run(kNop);
  CHECK(m.handler() == 1);
  SmallMachine n(Mode::kLong);
  n.cpu.system_flags |= rflags::kTf;
  REQUIRE(n.run({0xcd, 0x44}));
  CHECK(n.handler() == 0x44);
  CHECK(n.cpu.debug_hits == 0);
}

TEST_CASE("instruction breakpoints fault before the instruction, RF lets it through", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.put(at::kCode, {0x90, 0x90});
  m.cpu.dr[1] = at::kCode + 1;
  m.cpu.dr7 = 0x400 | 1u << 2;   // L1, execute
  m.cpu.mode_changed();
  REQUIRE(m.step_once());
  m.step_once();
  REQUIRE(m.handler() == 1);
  CHECK((m.cpu.dr6 & 0xf) == 2);
  CHECK(m.stack(0) == at::kCode + 1);
  m.poke(m.cpu.gpr[kRsp] + 16, m.stack(2) | rflags::kRf);
  REQUIRE(m.run({0x48, 0xcf}));
  CHECK((m.cpu.system_flags & rflags::kRf) != 0);
  REQUIRE(m.step_once());
  CHECK(m.cpu.rip == at::kCode + 2);
  CHECK((m.cpu.system_flags & rflags::kRf) == 0);
}

TEST_CASE("data breakpoints trap after the access; MOV SS holds them off by one instruction", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.cpu.dr[0] = at::kData;
  m.cpu.dr7 = 0x400 | 1 | 3u << 16 | 3u << 18;   // read or write, four bytes
  m.cpu.mode_changed();
  m.cpu.gpr[kRax] = at::kData + 2;
  m.run({0x88, 0x08});   // mov [rax], cl
  REQUIRE(m.handler() == 1);
  CHECK((m.cpu.dr6 & 0xf) == 1);
  CHECK(m.stack(0) == at::kCode + 2);

  m.cpu.dr6 = dr6::kFixed;
  m.cpu.rip = at::kCode;
  m.poke(at::kData + 2, sel::kData);
  REQUIRE(m.run({0x8e, 0x10}));   // mov ss, [rax]
  CHECK(m.cpu.interrupt_shadow == kShadowMovSs);
  m.run(kNop);
  REQUIRE(m.handler() == 1);
  CHECK(m.stack(0) == at::kCode + 3);
  CHECK((m.cpu.dr6 & 0xf) == 1);
}

TEST_CASE("DR7.GD guards the debug registers, CR4.DE takes DR4 and DR5 away", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.cpu.dr7 |= dr7::kGd;
  m.run({0x0f, 0x21, 0xc0});   // mov rax, dr0
  REQUIRE(m.handler() == 1);
  CHECK((m.cpu.dr6 & dr6::kBd) != 0);
  CHECK((m.cpu.dr7 & dr7::kGd) == 0);
  CHECK(m.stack(0) == at::kCode);
  SmallMachine n(Mode::kLong);
  n.cpu.gpr[kRax] = 0;
  REQUIRE(n.run({0x0f, 0x21, 0xe0}));   // mov rax, dr4
  CHECK(n.cpu.gpr[kRax] == dr6::kFixed);
  n.cpu.cr4 |= cr4::kDe;
  n.cpu.mode_changed();
  n.run({0x0f, 0x21, 0xe0});
  CHECK(n.handler() == 6);
}

TEST_CASE("SYSRET that restores TF traps at once", "[deliver][debug]") {
  SmallMachine m(Mode::kLong);
  m.cpu.msr.star = uint64_t{0x23} << 48 | uint64_t{0x08} << 32;
  m.cpu.gpr[kRcx] = at::kUserCode;
  m.cpu.gpr[kR11] = rflags::kTf | 2;
  m.run({0x48, 0x0f, 0x07});
  REQUIRE(m.handler() == 1);
  CHECK(m.stack(0) == at::kUserCode);
  CHECK(m.stack(1) == 0x33);
}

}  // namespace
}  // namespace ringside::hw::testing
