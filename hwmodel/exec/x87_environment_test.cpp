// The environment and state images of FNSTENV, FLDENV, FNSAVE, FRSTOR and FXSAVE, FXRSTOR in every format, byte for byte.
#include <array>
#include <vector>

#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

namespace ringside::hw {
namespace {

using testing::Mode;
using testing::SmallMachine;
namespace at = testing::at;

std::vector<uint8_t> image(const SmallMachine& m, unsigned bytes) {
  std::vector<uint8_t> out(bytes);
  for (unsigned i = 0; i < bytes; ++i) out[i] = m.peek<uint8_t>(at::kData + i);
  return out;
}

// TOP 6; ST(0) = 1.0 in physical 6, ST(1) = 0 in physical 7, the rest empty.
void fill(FpuState& f) {
  f.control = 0x0b7f;
  f.status = 0x3020;
  f.empty = 0x3f;
  f.st[6] = {0x8000000000000000ull, 0x3fff};
  f.st[7] = {0, 0};
  f.last_opcode = 0x123;
  f.last_ip = 0x45678;
  f.last_cs = 0x18;
  f.last_dp = 0x12345;
  f.last_ds = 0x10;
}

TEST_CASE("FNSTENV in its four formats") {
  SECTION("protected, 32 bits") {
    SmallMachine m(Mode::kProtected);
    fill(m.cpu.fpu);
    m.cpu.gpr[kRbx] = at::kData;
    REQUIRE(m.run({0xd9, 0x33}));
    CHECK(image(m, 28) == std::vector<uint8_t>{0x7f, 0x0b, 0xff, 0xff, 0x20, 0x30, 0xff, 0xff, 0xff, 0x4f, 0xff, 0xff, 0x78, 0x56, 0x04, 0x00,
                                               0x18, 0x00, 0x23, 0x01, 0x45, 0x23, 0x01, 0x00, 0x10, 0x00, 0xff, 0xff});
    CHECK(m.cpu.fpu.control == 0x0b7f);  // all masked already
  }
  SECTION("protected, 16 bits") {
    SmallMachine m(Mode::kProtected);
    fill(m.cpu.fpu);
    m.cpu.gpr[kRbx] = at::kData;
    REQUIRE(m.run({0x66, 0xd9, 0x33}));
    CHECK(image(m, 14) == std::vector<uint8_t>{0x7f, 0x0b, 0x20, 0x30, 0xff, 0x4f, 0x78, 0x56, 0x18, 0x00, 0x45, 0x23, 0x10, 0x00});
  }
  // Real mode: the pointers are linear addresses, 45678 + 180 and 12345 + 100.
  SECTION("real, 16 bits") {
    SmallMachine m(Mode::kReal);
    fill(m.cpu.fpu);
    m.cpu.segment[kDs].base = at::kData & ~0xffffull;
    m.cpu.gpr[kRbx] = at::kData & 0xffff;
    REQUIRE(m.run({0xd9, 0x37}));  // [bx]
    CHECK(image(m, 14) == std::vector<uint8_t>{0x7f, 0x0b, 0x20, 0x30, 0xff, 0x4f, 0xf8, 0x57, 0x23, 0x41, 0x45, 0x24, 0x00, 0x10});
  }
  SECTION("real, 32 bits") {
    SmallMachine m(Mode::kReal);
    fill(m.cpu.fpu);
    m.cpu.segment[kDs].base = at::kData & ~0xffffull;
    m.cpu.gpr[kRbx] = at::kData & 0xffff;
    REQUIRE(m.run({0x66, 0xd9, 0x37}));
    CHECK(image(m, 28) == std::vector<uint8_t>{0x7f, 0x0b, 0xff, 0xff, 0x20, 0x30, 0xff, 0xff, 0xff, 0x4f, 0xff, 0xff, 0xf8, 0x57, 0x00, 0x00,
                                               0x23, 0x41, 0x00, 0x00, 0x45, 0x24, 0x00, 0x00, 0x00, 0x10, 0xff, 0xff});
  }
}

TEST_CASE("FNSTENV masks all exceptions after storing them unmasked; FLDENV brings them and their summary back") {
  SmallMachine m(Mode::kProtected);
  m.cpu.fpu.control = 0x0340;
  m.cpu.fpu.status = 0x8084;     // division by zero, summary
  m.cpu.gpr[kRbx] = at::kData;
  REQUIRE(m.run({0xd9, 0x33}));
  CHECK(m.cpu.fpu.control == 0x037f);
  CHECK(m.cpu.fpu.status == 0x0004);
  REQUIRE(m.run({0xd9, 0x23}));  // fldenv [ebx]
  CHECK(m.cpu.fpu.control == 0x0340);
  CHECK(m.cpu.fpu.status == 0x8084);
}

TEST_CASE("FNSAVE stores and initialises, FRSTOR restores, whatever TOP is") {
  for (const bool small : {false, true}) {
    SmallMachine m(Mode::kProtected);
    fill(m.cpu.fpu);
    const FpuState before = m.cpu.fpu;
    m.cpu.gpr[kRbx] = at::kData;
    REQUIRE((small ? m.run({0x66, 0xdd, 0x33}) : m.run({0xdd, 0x33})));
    CHECK(m.cpu.fpu.control == 0x037f);
    CHECK(m.cpu.fpu.status == 0);
    CHECK(m.cpu.fpu.empty == 0xff);
    const unsigned registers = small ? 14 : 28;
    CHECK(m.peek<uint64_t>(at::kData + registers) == 0x8000000000000000ull);  // ST(0) first
    CHECK(m.peek<uint16_t>(at::kData + registers + 8) == 0x3fff);
    m.cpu.fpu.st = {};
    REQUIRE((small ? m.run({0x66, 0xdd, 0x23}) : m.run({0xdd, 0x23})));
    CHECK(m.cpu.fpu.control == before.control);
    CHECK(m.cpu.fpu.status == before.status);
    CHECK(m.cpu.fpu.empty == before.empty);
    for (unsigned i = 0; i < 8; ++i) {
      CHECK(m.cpu.fpu.st[i].mantissa == before.st[i].mantissa);
      CHECK(m.cpu.fpu.st[i].sign_exponent == before.st[i].sign_exponent);
    }
  }
}

TEST_CASE("FXSAVE and FXRSTOR in the 32-bit and the 64-bit format") {
  for (const Mode mode : {Mode::kProtected, Mode::kLong}) {
    SmallMachine m(mode);
    m.cpu.cr4 |= cr4::kOsfxsr;
    m.cpu.mode_changed();
    fill(m.cpu.fpu);
    m.cpu.fpu.last_ip = 0x123456789abcull;
    for (unsigned i = 0; i < 16; ++i) m.cpu.xmm[i] = {i + 1, ~uint64_t{i}};
    m.cpu.mxcsr = 0x3fa0;
    for (unsigned i = 0; i < 512; ++i) m.poke(at::kData + i, uint8_t{0xcc});
    m.cpu.gpr[kRbx] = at::kData;
    REQUIRE((mode == Mode::kLong ? m.run({0x48, 0x0f, 0xae, 0x03}) : m.run({0x0f, 0xae, 0x03})));
    CHECK(m.peek<uint16_t>(at::kData) == 0x0b7f);
    CHECK(m.peek<uint16_t>(at::kData + 2) == 0x3020);
    CHECK(m.peek<uint8_t>(at::kData + 4) == 0xc0);           // valid ones, by physical number
    CHECK(m.peek<uint16_t>(at::kData + 6) == 0x123);
    if (mode == Mode::kLong) CHECK(m.peek<uint64_t>(at::kData + 8) == 0x123456789abcull);
    else CHECK(m.peek<uint64_t>(at::kData + 8) == 0x0000'0018'5678'9abcull);  // CS above 32 bits of the offset
    CHECK(m.peek<uint32_t>(at::kData + 24) == 0x3fa0);
    CHECK(m.peek<uint32_t>(at::kData + 28) == 0xffff);       // MXCSR_MASK
    CHECK(m.peek<uint64_t>(at::kData + 32) == 0x8000000000000000ull);
    CHECK(m.peek<uint64_t>(at::kData + 160 + 7 * 16) == 8);
    // XMM8 to XMM15 exist in 64-bit mode only; bytes 416 on are left alone.
    CHECK(m.peek<uint64_t>(at::kData + 160 + 8 * 16) == (mode == Mode::kLong ? 9 : 0xccccccccccccccccull));
    CHECK(m.peek<uint64_t>(at::kData + 416) == 0xccccccccccccccccull);

    const FpuState before = m.cpu.fpu;
    m.cpu.fpu = FpuState{};
    for (auto& x : m.cpu.xmm) x = {};
    m.cpu.mxcsr = 0x1f80;
    REQUIRE((mode == Mode::kLong ? m.run({0x48, 0x0f, 0xae, 0x0b}) : m.run({0x0f, 0xae, 0x0b})));
    CHECK(m.cpu.fpu.status == before.status);
    CHECK(m.cpu.fpu.empty == before.empty);
    CHECK(m.cpu.fpu.st[6].sign_exponent == 0x3fff);
    CHECK(m.cpu.fpu.last_ip == (mode == Mode::kLong ? 0x123456789abcull : 0x56789abcull));
    CHECK(m.cpu.mxcsr == 0x3fa0);
    CHECK(m.cpu.xmm[7].lo == 8);
    CHECK(m.cpu.xmm[15].lo == (mode == Mode::kLong ? 16 : 0));
  }
}

TEST_CASE("FXRSTOR with a reserved bit in MXCSR raises #GP and changes nothing") {
  SmallMachine m(Mode::kLong);
  m.cpu.cr4 |= cr4::kOsfxsr;
  m.cpu.mode_changed();
  m.cpu.gpr[kRbx] = at::kData;
  m.poke(at::kData, uint16_t{0x1234});
  m.poke(at::kData + 24, uint32_t{0x00010000});
  CHECK_FALSE(m.run({0x0f, 0xae, 0x0b}));
  CHECK(m.handler() == 13);
  CHECK(m.cpu.fpu.control == 0x037f);
}

}  // namespace
}  // namespace ringside::hw
