// The system instructions one by one: privilege, control registers, flags, ports, descriptor queries, segment bases.
#include "hwmodel/exec/system_registers.h"
#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/isa/instruction_table.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

using Bytes = std::initializer_list<uint8_t>;

TEST_CASE("privileged instructions fault at CPL 3 and change nothing", "[system]") {
  struct Case { const char* name; Bytes bytes; int vector = 13; };
  const Case cases[] = {
      {"hlt", {0xf4}}, {"cli", {0xfa}}, {"sti", {0xfb}}, {"in al, dx", {0xec}, 13}, {"out dx, al", {0xee}, 13}, {"insb", {0x6c}, 13},
      {"lgdt", {0x0f, 0x01, 0x10}}, {"lidt", {0x0f, 0x01, 0x18}}, {"lldt ax", {0x0f, 0x00, 0xd0}}, {"ltr ax", {0x0f, 0x00, 0xd8}},
      {"mov rax, cr0", {0x0f, 0x20, 0xc0}}, {"mov cr3, rax", {0x0f, 0x22, 0xd8}}, {"mov rax, dr7", {0x0f, 0x21, 0xf8}},
      {"mov dr0, rax", {0x0f, 0x23, 0xc0}}, {"clts", {0x0f, 0x06}}, {"lmsw ax", {0x0f, 0x01, 0xf0}}, {"invlpg", {0x0f, 0x01, 0x38}},
      {"wbinvd", {0x0f, 0x09}}, {"invd", {0x0f, 0x08}}, {"rdmsr", {0x0f, 0x32}}, {"wrmsr", {0x0f, 0x30}}, {"swapgs", {0x0f, 0x01, 0xf8}},
      {"invpcid", {0x66, 0x0f, 0x38, 0x82, 0x00}}, {"rdpmc", {0x0f, 0x33}}, {"clac", {0x0f, 0x01, 0xca}, 6}, {"stac", {0x0f, 0x01, 0xcb}, 6},
      {"vmcall", {0x0f, 0x01, 0xc1}, 6}, {"monitor", {0x0f, 0x01, 0xc8}, 6}, {"xgetbv", {0x0f, 0x01, 0xd0}, 6}, {"rsm", {0x0f, 0xaa}, 6},
  };
  for (const Case& c : cases) {
    SmallMachine m(Mode::kLong);
    m.enter_user();
    m.cpu.cr4 |= cr4::kFsgsbase;
    m.cpu.tr.limit = 0x67;   // no I/O bitmap
    m.cpu.gpr[kRax] = at::kData;
    const CpuState before = m.cpu;
    m.run(c.bytes);
    CAPTURE(c.name);
    CHECK(m.handler() == c.vector);
    CHECK(m.stack(c.vector == 13 ? 1 : 0) == at::kUserCode);
    CHECK(m.cpu.gpr[kRax] == before.gpr[kRax]);
    CHECK(m.cpu.cr0 == before.cr0);
    CHECK(m.cpu.gdtr.base == before.gdtr.base);
    CHECK(m.cpu.counters.unimplemented == 0);
  }
}

TEST_CASE("UMIP hides the descriptor tables from CPL 3 only when it is on", "[system]") {
  const Bytes cases[] = {{0x0f, 0x01, 0x00}, {0x0f, 0x01, 0x08}, {0x0f, 0x00, 0xc0}, {0x0f, 0x00, 0xc8}, {0x0f, 0x01, 0xe0}};   // sgdt sidt sldt str smsw
  for (const Bytes& bytes : cases) {
    for (const bool on : {false, true}) {
      SmallMachine m(Mode::kLong);
      m.cpu.cr4 |= on ? cr4::kUmip : 0;
      m.cpu.gpr[kRax] = at::kData;
      CHECK(m.run(bytes));   // at CPL 0
      m.enter_user();
      m.cpu.gpr[kRax] = at::kData;
      CHECK(m.run(bytes) == !on);
      CHECK(m.handler() == (on ? 13 : -1));
    }
  }
}

TEST_CASE("SGDT, SIDT and LGDT in 64-bit and 16-bit forms", "[system]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gdtr = {0xffff8000'12345678ull, 0x7f};
  m.cpu.gpr[kRax] = at::kData;
  REQUIRE(m.run({0x0f, 0x01, 0x00}));
  CHECK(m.peek<uint16_t>(at::kData) == 0x7f);
  CHECK(m.peek<uint64_t>(at::kData + 2) == 0xffff8000'12345678ull);
  m.poke(at::kData + 2, 0x8000'0000'0000ull);
  m.run({0x0f, 0x01, 0x10});
  CHECK(m.cpu.gdtr.base == 0xffff8000'12345678ull);   // #GP, and then worse: the GDT is not there
  SmallMachine r(Mode::kReal);
  r.poke(at::kData, uint16_t{0x3f});
  r.poke(at::kData + 2, 0xaabbccddu);
  r.cpu.segment[kDs].base = at::kData;
  REQUIRE(r.run({0x0f, 0x01, 0x16, 0, 0}));           // lgdt [0]: 24 bits
  CHECK(r.cpu.gdtr.base == 0xbbccdd);
  REQUIRE(r.run({0x66, 0x0f, 0x01, 0x1e, 0, 0}));     // lidt dword [0]
  CHECK(r.cpu.idtr.base == 0xaabbccdd);
  CHECK(r.cpu.idtr.limit == 0x3f);
}

// --- control registers ------------------------------------------------------------------------------------------------------------

TEST_CASE("CR0: combinations that fault", "[system][control]") {
  SmallMachine m(Mode::kProtected);
  CHECK_FALSE(write_cr0(m.cpu, cr0::kPg));                                   // PG without PE
  CHECK_FALSE(write_cr0(m.cpu, cr0::kPe | cr0::kNw));                        // NW without CD
  CHECK_FALSE(write_cr0(m.cpu, 1ull << 32 | cr0::kPe));
  m.cpu.efer = efer::kLme;
  CHECK_FALSE(write_cr0(m.cpu, cr0::kPe | cr0::kPg));                        // LME without PAE
  m.cpu.cr4 = cr4::kPae;
  m.poke(at::kPml4, at::kPdpt | 7);
  m.poke(at::kPdpt, at::kPd | 7);
  m.poke(at::kPd, uint64_t{0x87});
  m.cpu.cr3 = at::kPml4;
  REQUIRE(write_cr0(m.cpu, cr0::kPe | cr0::kPg));
  CHECK(m.cpu.in_long_mode());
  CHECK_FALSE(m.cpu.in_64bit_mode());                                        // CS is still 32-bit: compatibility mode
  CHECK_FALSE(write_efer(m.cpu, 0));                                         // LME may not change under paging
  CHECK_FALSE(write_cr4(m.cpu, 0));                                          // nor PAE
  REQUIRE(write_cr0(m.cpu, cr0::kPe));
  CHECK_FALSE(m.cpu.in_long_mode());
  SmallMachine l(Mode::kLong);
  CHECK_FALSE(write_cr0(l.cpu, cr0::kPe));                                   // paging off in 64-bit mode
}

TEST_CASE("CR4: reserved bits and PCIDE's conditions; CR3 and CR8 ranges", "[system][control]") {
  SmallMachine m(Mode::kLong);
  const uint64_t base = m.cpu.cr4;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const bool exists = kCr4Writable >> bit & 1;
    if (bit == 5 || bit == 17) continue;
    CAPTURE(bit);
    CHECK(write_cr4(m.cpu, base | 1ull << bit) == exists);
    m.cpu.cr4 = base;
  }
  CHECK(write_cr3(m.cpu, at::kPml4 | 0x123));
  CHECK_FALSE(write_cr4(m.cpu, base | cr4::kPcide));   // PCID in CR3 already
  CHECK(write_cr3(m.cpu, at::kPml4));
  CHECK(write_cr4(m.cpu, base | cr4::kPcide));
  CHECK(write_cr3(m.cpu, 1ull << 63 | at::kPml4 | 5));
  CHECK(m.cpu.cr3 == (at::kPml4 | 5));
  CHECK_FALSE(write_cr0(m.cpu, cr0::kPe));
  CHECK_FALSE(write_cr3(m.cpu, 1ull << 45));
  m.cpu.cr4 &= ~cr4::kPcide;
  CHECK_FALSE(write_cr3(m.cpu, 1ull << 63 | at::kPml4));
  CHECK_FALSE(write_cr8(m.cpu, 16));
  CHECK(write_cr8(m.cpu, 9));
  CHECK(read_cr8(m.cpu) == 9);
  SmallMachine p(Mode::kProtected);
  CHECK_FALSE(write_cr4(p.cpu, cr4::kPcide));
}

TEST_CASE("PAE: reserved bits in a present PDPTE refuse the load", "[system][control]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.cr4 = cr4::kPae;
  m.cpu.cr3 = at::kData;
  m.poke(at::kData, uint64_t{at::kPd | 1});
  m.poke(at::kPd, uint64_t{0x83});
  REQUIRE(write_cr0(m.cpu, cr0::kPe | cr0::kPg));
  m.poke(at::kData + 24, uint64_t{1ull << 45 | 1});
  CHECK_FALSE(write_cr3(m.cpu, at::kData));
  m.poke(at::kData + 24, uint64_t{1ull << 45});   // not present: anything goes
  CHECK(write_cr3(m.cpu, at::kData));
}

TEST_CASE("MOV to and from control and debug registers", "[system][control]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRbx] = 0x1122334455667788;
  REQUIRE(m.run({0x0f, 0x22, 0xd3}));   // mov cr2, rbx
  REQUIRE(m.run({0x0f, 0x20, 0xd1}));   // mov rcx, cr2
  CHECK(m.cpu.gpr[kRcx] == 0x1122334455667788);
  m.cpu.gpr[kRbx] = 0xffffffff;
  REQUIRE(m.run({0x0f, 0x23, 0xf3}));   // mov dr6, rbx
  CHECK(m.cpu.dr6 == 0xffffefff);
  m.cpu.gpr[kRbx] = 1ull << 32;
  m.run({0x0f, 0x23, 0xfb});            // mov dr7, rbx
  CHECK(m.handler() == 13);
  SmallMachine s(Mode::kProtected);
  s.cpu.gpr[kRax] = 0;
  REQUIRE(s.run({0x0f, 0x01, 0xf0}));   // lmsw ax: cannot clear PE
  CHECK((s.cpu.cr0 & cr0::kPe) != 0);
  s.cpu.gpr[kRax] = 0xe;
  REQUIRE(s.run({0x0f, 0x01, 0xf0}));
  CHECK((s.cpu.cr0 & 0xf) == 0xf);
  REQUIRE(s.run({0x0f, 0x06}));         // clts
  CHECK((s.cpu.cr0 & cr0::kTs) == 0);
}

// --- flags --------------------------------------------------------------------------------------------------------------------------

TEST_CASE("POPF at every CPL and IOPL", "[system][flags]") {
  for (const unsigned cpl : {0u, 3u}) {
    for (unsigned iopl = 0; iopl < 4; ++iopl) {
      for (const bool all : {false, true}) {
        SmallMachine m(Mode::kLong);
        if (cpl) m.enter_user();
        m.set_iopl(iopl);
        if (!all) m.cpu.system_flags |= rflags::kIf;
        m.cpu.gpr[kRsp] -= 8;
        m.poke(m.cpu.gpr[kRsp], uint64_t{all ? 0xffffffff & ~rflags::kTf : 0});
        REQUIRE(m.run({0x9d}));
        const uint64_t f = m.cpu.rflags();
        CAPTURE(cpl, iopl, all);
        CHECK(((f & rflags::kIf) != 0) == (cpl <= iopl ? all : !all));
        CHECK(((f >> 12) & 3) == (cpl == 0 ? (all ? 3u : 0u) : iopl));
        CHECK((f & (rflags::kVm | rflags::kRf | rflags::kVif | rflags::kVip)) == 0);
        CHECK(((f & rflags::kAc) != 0) == all);
      }
    }
  }
}

TEST_CASE("16-bit POPF keeps the upper half, PUSHF hides RF and VM", "[system][flags]") {
  SmallMachine m(Mode::kLong);
  m.cpu.system_flags |= rflags::kAc | rflags::kId | rflags::kRf;
  m.cpu.gpr[kRsp] -= 2;
  m.poke(m.cpu.gpr[kRsp], uint16_t{0});
  REQUIRE(m.run({0x66, 0x9d}));
  CHECK((m.cpu.rflags() & (rflags::kAc | rflags::kId)) == (rflags::kAc | rflags::kId));
  m.cpu.system_flags |= rflags::kRf;
  REQUIRE(m.run({0x9c}));
  CHECK(m.peek<uint64_t>(m.cpu.gpr[kRsp]) == (rflags::kAc | rflags::kId | 2));
}

TEST_CASE("virtual-8086 mode: CLI, STI, PUSHF and POPF under VME work on VIF", "[system][flags]") {
  SmallMachine m(Mode::kProtected);
  m.enter_v86();
  m.run({0xfa});
  CHECK(m.handler() == 13);
  SmallMachine n(Mode::kProtected);
  n.enter_v86();
  n.cpu.cr4 = cr4::kVme;
  n.cpu.system_flags |= rflags::kIf;
  REQUIRE(n.run({0xfb}));
  CHECK((n.cpu.system_flags & rflags::kVif) != 0);
  REQUIRE(n.run({0x9c}));
  CHECK((n.peek<uint16_t>(0xe000 + 0xffc) & (rflags::kIf | rflags::kIopl)) == (rflags::kIf | rflags::kIopl));
  REQUIRE(n.run({0xfa}));
  CHECK((n.cpu.system_flags & (rflags::kVif | rflags::kIf)) == rflags::kIf);
  REQUIRE(n.run({0x9d}));
  CHECK((n.cpu.system_flags & rflags::kVif) != 0);
  CHECK(n.cpu.iopl() == 0);
  n.run({0xfa});
  n.cpu.system_flags |= rflags::kVip;
  n.run({0xfb});
  CHECK(n.handler() == 13);
}

TEST_CASE("STI holds interrupts off for one instruction, only if IF was clear", "[system][flags]") {
  SmallMachine m(Mode::kLong);
  REQUIRE(m.run({0xfb}));
  CHECK(m.cpu.interrupt_shadow == kShadowSti);
  REQUIRE(m.run({0x90}));
  CHECK(m.cpu.interrupt_shadow == kShadowNone);
  REQUIRE(m.run({0xfb}));
  CHECK(m.cpu.interrupt_shadow == kShadowNone);
}

TEST_CASE("STAC and CLAC open and close user pages to the kernel under SMAP", "[system][flags]") {
  SmallMachine m(Mode::kLong);
  m.poke(at::kPd + 8, uint64_t{0x87});                    // 2..4 MiB: user page onto the same frame
  m.poke(at::kPd, uint64_t{0x83});                        // the kernel's own
  m.poke(at::kPdpt, at::kPd | 7);
  REQUIRE(write_cr4(m.cpu, m.cpu.cr4 | cr4::kSmap));
  m.cpu.gpr[kRbx] = (2 << 20) + at::kData;
  REQUIRE(m.run({0x0f, 0x01, 0xcb}));
  CHECK(m.run({0x8a, 0x03}));                             // mov al, [rbx]
  REQUIRE(m.run({0x0f, 0x01, 0xca}));
  m.run({0x8a, 0x03});
  CHECK(m.handler() == 14);
}

// --- ports ----------------------------------------------------------------------------------------------------------------------------

void reply(SmallMachine& m, uint64_t value) { m.cpu.replies.entry[m.cpu.replies.count++] = {.address = 0, .value = value, .size = 4, .write = false, .mmio = false}; }

TEST_CASE("IN and OUT stop the machine and finish with the answer", "[system][port]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRax] = 0xffffffff'ffffff00ull;
  m.cpu.gpr[kRdx] = 0x3fd;
  m.put(at::kCode, {0xec, 0xe7, 0x80});   // in al, dx; out 0x80, eax
  m.step_once();
  const auto* in = std::get_if<StopPort>(&m.last_stop);
  REQUIRE(in);
  CHECK((in->port == 0x3fd && in->size == 1 && !in->write));
  CHECK(m.cpu.rip == at::kCode);
  reply(m, 0x60);
  REQUIRE(m.step_once());
  CHECK(m.cpu.gpr[kRax] == 0xffffffff'ffffff60ull);
  CHECK(m.cpu.replies.count == 0);
  m.step_once();
  const auto* out = std::get_if<StopPort>(&m.last_stop);
  REQUIRE(out);
  CHECK((out->port == 0x80 && out->size == 4 && out->write && out->value == 0xffffff60));
}

TEST_CASE("REP OUTSB retires byte by byte; REP INSW stores through ES:rDI", "[system][port]") {
  SmallMachine m(Mode::kLong);
  m.put(at::kData, {'h', 'i'});
  m.put(at::kCode, {0xf3, 0x6e, 0xf3, 0x66, 0x6d});
  m.cpu.gpr[kRsi] = at::kData;
  m.cpu.gpr[kRcx] = 2;
  m.cpu.gpr[kRdx] = 0xe9;
  std::string text;
  while (m.cpu.rip == at::kCode) {
    m.step_once();
    const auto* out = std::get_if<StopPort>(&m.last_stop);
    REQUIRE(out);
    text += static_cast<char>(out->value);
    reply(m, 0);
    REQUIRE(m.step_once());
  }
  CHECK(text == "hi");
  CHECK(m.cpu.gpr[kRsi] == at::kData + 2);
  CHECK(m.cpu.gpr[kRcx] == 0);
  m.cpu.gpr[kRcx] = 2;
  m.cpu.gpr[kRdi] = at::kData + 2;
  m.cpu.system_flags |= rflags::kDf;
  for (const uint16_t value : {0x1111, 0x2222}) {
    m.step_once();
    reply(m, value);
    REQUIRE(m.step_once());
  }
  CHECK(m.peek<uint16_t>(at::kData + 2) == 0x1111);
  CHECK(m.peek<uint16_t>(at::kData) == 0x2222);
  CHECK(m.cpu.gpr[kRdi] == at::kData - 2);
  CHECK(m.cpu.rip == at::kCode + 5);
}

TEST_CASE("the I/O permission bitmap decides for CPL above IOPL", "[system][port]") {
  const auto allowed = [](uint16_t port, uint8_t opcode, uint32_t tss_limit, uint8_t bits, unsigned iopl) {
    SmallMachine m(Mode::kProtected);
    m.enter_user();
    m.set_iopl(iopl);
    m.cpu.tr.limit = tss_limit;
    m.poke(at::kTss + 0x68 + port / 8, bits);
    m.poke(at::kTss + 0x68 + port / 8 + 1, uint8_t{0xff});
    m.cpu.gpr[kRdx] = port;
    m.run({opcode});
    return std::holds_alternative<StopPort>(m.last_stop);
  };
  constexpr uint32_t kWhole = 0x68 + 8192;
  CHECK(allowed(0x61, 0xec, kWhole, 0xfd, 0));
  CHECK_FALSE(allowed(0x61, 0xec, kWhole, 0x02, 0));
  CHECK(allowed(0x64, 0xed, kWhole, 0x0f, 0));         // in eax, dx: ports 64..67
  CHECK_FALSE(allowed(0x64, 0xed, kWhole, 0x8f, 0));
  CHECK_FALSE(allowed(0x65, 0xed, kWhole, 0x1f, 0));   // 65..68 reaches the next byte
  CHECK_FALSE(allowed(0x61, 0xec, 0x68 + 0xc, 0, 0));  // the second byte read lies beyond the limit
  CHECK(allowed(0x61, 0xec, 0x67, 0xff, 3));           // IOPL suffices
}

TEST_CASE("port breakpoints trap after the access", "[system][port]") {
  SmallMachine m(Mode::kLong);
  m.cpu.cr4 |= cr4::kDe;
  m.cpu.dr[2] = 0x3f8;
  m.cpu.dr7 = 0x400 | 1u << 4 | 2u << 24;
  m.cpu.mode_changed();
  m.cpu.gpr[kRdx] = 0x3f8;
  m.put(at::kCode, {0xee});
  m.step_once();
  reply(m, 0);
  m.step_once();
  CHECK(m.handler() == 1);
  CHECK((m.cpu.dr6 & 0xf) == 4);
}

// --- queries, bases, halts ----------------------------------------------------------------------------------------------------------

TEST_CASE("LAR, LSL, VERR and VERW answer in ZF", "[system][query]") {
  SmallMachine m(Mode::kProtected);
  const auto ask = [&](Bytes bytes, uint16_t selector) {
    m.cpu.gpr[kRax] = selector;
    m.cpu.gpr[kRbx] = 0x5555;
    m.cpu.rip = at::kCode;
    REQUIRE(m.run(bytes));
    return m.cpu.arithmetic.zf();
  };
  const Bytes lar = {0x0f, 0x02, 0xd8}, lsl = {0x0f, 0x03, 0xd8}, verr = {0x0f, 0x00, 0xe0}, verw = {0x0f, 0x00, 0xe8};
  CHECK(ask(lar, sel::kUserData));
  CHECK(m.cpu.gpr[kRbx] == 0x00c0f200);
  CHECK(ask(lsl, sel::kUserData));
  CHECK(m.cpu.gpr[kRbx] == 0xffffffff);
  CHECK(ask(lsl, sel::kTss2));
  CHECK(m.cpu.gpr[kRbx] == 0x67);
  CHECK_FALSE(ask(lsl, 0));
  CHECK(m.cpu.gpr[kRbx] == 0x5555);
  CHECK_FALSE(ask(lar, 0x1234));
  m.set_descriptor(sel::kGate, gate(sel::kCode32, 0, 0x8c));
  CHECK(ask(lar, sel::kGate));
  CHECK_FALSE(ask(lsl, sel::kGate));
  CHECK(ask(verr, sel::kCode32));
  CHECK_FALSE(ask(verw, sel::kCode32));
  CHECK(ask(verw, sel::kData));
  CHECK_FALSE(ask(verw, sel::kData | 3));   // RPL 3 asks for a DPL 0 segment
  CHECK_FALSE(ask(verr, sel::kTss2));
}

TEST_CASE("ARPL raises the RPL", "[system][query]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gpr[kRax] = 0x10;
  m.cpu.gpr[kRbx] = 0x3;
  REQUIRE(m.run({0x63, 0xd8}));
  CHECK(m.cpu.gpr[kRax] == 0x13);
  CHECK(m.cpu.arithmetic.zf());
  REQUIRE(m.run({0x63, 0xd8}));
  CHECK_FALSE(m.cpu.arithmetic.zf());
}

TEST_CASE("FS and GS bases, SWAPGS", "[system]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRax] = 0xffff8000'00001234ull;
  m.run({0xf3, 0x48, 0x0f, 0xae, 0xd8});   // wrgsbase rax, CR4.FSGSBASE clear
  CHECK(m.handler() == 6);
  SmallMachine n(Mode::kLong);
  n.cpu.cr4 |= cr4::kFsgsbase;
  n.cpu.gpr[kRax] = 0xffff8000'00001234ull;
  REQUIRE(n.run({0xf3, 0x48, 0x0f, 0xae, 0xd8}));
  n.cpu.msr.kernel_gs_base = 0x77;
  REQUIRE(n.run({0x0f, 0x01, 0xf8}));      // swapgs
  CHECK(n.cpu.segment[kGs].base == 0x77);
  CHECK(n.cpu.msr.kernel_gs_base == 0xffff8000'00001234ull);
  REQUIRE(n.run({0xf3, 0x48, 0x0f, 0xae, 0xcb}));   // rdgsbase rbx
  CHECK(n.cpu.gpr[kRbx] == 0x77);
  n.cpu.gpr[kRax] = 1ull << 47;
  n.run({0xf3, 0x48, 0x0f, 0xae, 0xd0});   // wrfsbase rax: not canonical
  CHECK(n.handler() == 13);
}

TEST_CASE("HLT halts until an interrupt", "[system]") {
  SmallMachine m(Mode::kLong);
  m.cpu.system_flags |= rflags::kIf;
  REQUIRE(m.run({0xf4}));
  CHECK(m.cpu.halted);
  CHECK(m.cpu.rip == at::kCode + 1);
  m.step_once();
  CHECK(std::holds_alternative<StopHalt>(m.last_stop));
  REQUIRE(deliver_external(m.cpu, 0x31));
  CHECK_FALSE(m.cpu.halted);
  CHECK(m.stack(0) == at::kCode + 1);
}

TEST_CASE("MOV and POP of segment registers in their sizes, LDS", "[system]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRax] = ~0ull;
  REQUIRE(m.run({0x66, 0x8c, 0xd8}));   // mov ax, ds
  CHECK(m.cpu.gpr[kRax] == 0xffffffff'ffff0010ull);
  REQUIRE(m.run({0x8c, 0xd8}));         // mov eax, ds
  CHECK(m.cpu.gpr[kRax] == 0x10);
  REQUIRE(m.run({0x0f, 0xa0}));         // push fs
  CHECK(m.stack(0) == 0x10);
  m.poke(m.cpu.gpr[kRsp], uint64_t{0x9999});
  const uint64_t rsp = m.cpu.gpr[kRsp];
  m.run({0x0f, 0xa1});                  // pop fs: no such selector, rSP stays
  CHECK(m.handler() == 13);
  CHECK(m.stack(4) == rsp);
  SmallMachine p(Mode::kProtected);
  p.poke(at::kData, 0x11223344u);
  p.poke(at::kData + 4, sel::kData16);
  p.cpu.gpr[kRbx] = at::kData;
  REQUIRE(p.run({0xc5, 0x03}));         // lds eax, [ebx]
  CHECK(p.cpu.gpr[kRax] == 0x11223344);
  CHECK(p.cpu.segment[kDs].limit == 0xffff);
}

TEST_CASE("every row of the system group names its manual section and binds to a handler in some mode", "[system]") {
  for (const InstructionInfo& info : system_instructions()) {
    CAPTURE(info.section);
    CHECK(info.bind != nullptr);
    CHECK(std::string_view(info.section).size() > 5);
  }
  CHECK(system_instructions().size() > 120);
}

}  // namespace
}  // namespace ringside::hw::testing
