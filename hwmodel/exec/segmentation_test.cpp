// Loading segment registers: every descriptor type, DPL, RPL and CPL against the rules written out once more, and the special cases.
#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

// What MOV to a segment register must do, from the tables of [SDM 2B 4.3 MOV "Operation"]: -1 loads, else the vector.
int expected(bool stack, uint8_t rights, unsigned rpl, unsigned cpl) {
  const bool present = rights & 0x80, segment = rights & 0x10, code = rights & 8, second = rights & 4, third = rights & 2;
  const unsigned dpl = rights >> 5 & 3;
  if (stack) {
    if (rpl != cpl || !segment || code || !third || dpl != cpl) return 13;
    return present ? -1 : 12;
  }
  if (!segment || (code && !third)) return 13;
  const bool conforming = code && second;
  if (!conforming && (rpl > dpl || cpl > dpl)) return 13;
  return present ? -1 : 11;
}

TEST_CASE("every descriptor type, DPL, RPL and CPL into DS and SS", "[segmentation]") {
  SmallMachine m(Mode::kProtected);
  unsigned loads = 0, faults = 0;
  for (const bool stack : {false, true}) {
    for (unsigned cpl : {0u, 1u, 3u}) {
      for (unsigned rights = 0; rights < 256; ++rights) {
        for (unsigned rpl = 0; rpl < 4; ++rpl) {
          if (cpl == 0) m.enter(sel::kCode32, sel::kData, at::kCode, at::kStack);
          if (cpl == 1) m.enter(sel::kCode1, sel::kData1, at::kCode, at::kRing1Stack);
          if (cpl == 3) m.enter_user();
          m.cpu.segment[kDs] = m.cpu.segment[kSs];
          m.set_descriptor(sel::kSpare, descriptor(0x12345678, 0xabcde, static_cast<uint8_t>(rights), kFlat32));
          const auto selector = static_cast<uint16_t>(sel::kSpare | rpl);
          m.cpu.gpr[kRax] = selector;
          const uint64_t rip = m.cpu.rip;
          const bool retired = m.run({0x8e, static_cast<uint8_t>(stack ? 0xd0 : 0xd8)});   // mov ss, ax / mov ds, ax
          const int want = expected(stack, static_cast<uint8_t>(rights), rpl, cpl);
          CAPTURE(stack, cpl, rights, rpl, want);
          if (want < 0) {
            ++loads;
            const Segment& s = m.cpu.segment[stack ? kSs : kDs];
            if (!retired || s.selector != selector || s.base != 0x12345678 || s.limit != 0xabcdefff || (s.rights & 0xff) != (rights | 1)) {
              FAIL_CHECK("not loaded as it should be");
            }
            if (m.get_descriptor(sel::kSpare) != descriptor(0x12345678, 0xabcde, static_cast<uint8_t>(rights | 1), kFlat32)) {
              FAIL_CHECK("accessed bit");
            }
          } else {
            ++faults;
            if (retired || m.handler() != want || m.stack(0) != sel::kSpare || m.stack(1) != rip) FAIL_CHECK("wrong fault");
            if (m.get_descriptor(sel::kSpare) != descriptor(0x12345678, 0xabcde, static_cast<uint8_t>(rights), kFlat32)) {
              FAIL_CHECK("descriptor changed by a refused load");
            }
          }
        }
      }
    }
  }
  CHECK(loads > 300);
  CHECK(faults > 4000);
}

TEST_CASE("null selectors: data registers take them, SS only in 64-bit mode below CPL 3", "[segmentation]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gpr[kRax] = 3;
  REQUIRE(m.run({0x8e, 0xd8}));   // mov ds, ax
  CHECK(m.cpu.segment[kDs].selector == 3);
  m.run({0x88, 0x08});            // mov [eax], cl through it
  CHECK(m.handler() == 13);
  SmallMachine n(Mode::kProtected);
  n.cpu.gpr[kRax] = 0;
  n.run({0x8e, 0xd0});            // mov ss, ax
  CHECK(n.handler() == 13);
  CHECK(n.stack(0) == 0);
  SmallMachine l(Mode::kLong);
  l.cpu.gpr[kRax] = 0;
  CHECK(l.run({0x8e, 0xd0}));
  CHECK(l.cpu.interrupt_shadow == kShadowMovSs);
  l.enter_user();
  l.cpu.gpr[kRax] = 3;
  l.run({0x8e, 0xd0});
  CHECK(l.handler() == 13);
}

TEST_CASE("selectors beyond the table and in an absent LDT", "[segmentation]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gdtr.limit = (sel::kSpare & ~7u) + 6;   // one byte short
  m.set_descriptor(sel::kSpare, descriptor(0, 0xfffff, 0x92, kFlat32));
  m.cpu.gpr[kRax] = sel::kSpare;
  m.run({0x8e, 0xd8});
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == sel::kSpare);
  SmallMachine n(Mode::kProtected);
  n.cpu.ldtr = null_segment(0);
  n.cpu.gpr[kRax] = 0x4;
  n.run({0x8e, 0xd8});
  CHECK(n.handler() == 13);
  CHECK(n.stack(0) == 0x4);
}

TEST_CASE("LLDT and LTR: descriptor types, the busy bit, 16-byte descriptors", "[segmentation]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.gpr[kRax] = sel::kLdt;
  REQUIRE(m.run({0x0f, 0x00, 0xd0}));   // lldt ax
  CHECK(m.cpu.ldtr.base == at::kLdt);
  m.poke(at::kLdt + 8, descriptor(0x777, 0x10, 0x92, 0));
  m.cpu.gpr[kRax] = 0xc;
  REQUIRE(m.run({0x8e, 0xc0}));         // mov es, ax
  CHECK(m.cpu.segment[kEs].base == 0x777);
  m.cpu.gpr[kRax] = sel::kTss2;
  REQUIRE(m.run({0x0f, 0x00, 0xd8}));   // ltr ax
  CHECK(m.cpu.tr.base == at::kTss2);
  CHECK(m.cpu.tr.type() == 0xb);
  CHECK((m.get_descriptor(sel::kTss2) >> 40 & 0xff) == 0x8b);
  m.run({0x0f, 0x00, 0xd8});            // busy now
  CHECK(m.handler() == 13);
  CHECK(m.stack(0) == sel::kTss2);

  SmallMachine l(Mode::kLong);
  l.set_descriptor(sel::kTss2, descriptor(at::kTss2, 0x67, 0x89, 0), 0xffff8000, true);
  l.cpu.gpr[kRax] = sel::kTss2;
  REQUIRE(l.run({0x0f, 0x00, 0xd8}));
  CHECK(l.cpu.tr.base == (0xffff8000'00000000ull | at::kTss2));
  l.set_descriptor(sel::kTss2, descriptor(at::kTss2, 0x67, 0x89, 0), 0x0000'1200'0000'0000ull, true);   // the upper half has a type
  l.run({0x0f, 0x00, 0xd8});
  REQUIRE(l.handler() == 13);
  CHECK(l.stack(0) == sel::kTss2);
  l.enter(sel::kCode64, sel::kData, at::kCode, at::kStack);
  l.cpu.gpr[kRax] = sel::kTss2;
  l.set_descriptor(sel::kTss2, descriptor(at::kTss2, 0x67, 0x89, 0), 0x00008000, true);   // not canonical
  l.run({0x0f, 0x00, 0xd8});
  CHECK(l.handler() == 13);
}

TEST_CASE("real mode keeps limits, so protected mode's big ones survive; CS loads reset its rights", "[segmentation]") {
  SmallMachine m(Mode::kReal);
  m.cpu.segment[kDs].limit = 0xffffffff;
  m.cpu.gpr[kRax] = 0x1234;
  REQUIRE(m.run({0x8e, 0xd8}));
  CHECK(m.cpu.segment[kDs].base == 0x12340);
  CHECK(m.cpu.segment[kDs].limit == 0xffffffff);
  CHECK(m.cpu.segment[kDs].rights == 0x93);
}

TEST_CASE("the state after reset", "[segmentation]") {
  SmallMachine m(Mode::kLong);
  reset(m.cpu);
  CHECK(m.cpu.rip == 0xfff0);
  CHECK(m.cpu.segment[kCs].base == 0xffff0000);
  CHECK(m.cpu.segment[kCs].selector == 0xf000);
  CHECK(m.cpu.cr0 == 0x60000010);
  CHECK(m.cpu.rflags() == 2);
  CHECK(m.cpu.dr6 == 0xffff0ff0);
  CHECK(m.cpu.dr7 == 0x400);
  CHECK(m.cpu.efer == 0);
  CHECK(m.cpu.decode_mode.code_size == 16);
  CHECK(m.cpu.idtr.limit == 0xffff);
}

}  // namespace
}  // namespace ringside::hw::testing
