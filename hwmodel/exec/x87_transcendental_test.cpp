// Transcendental results against values known to more digits, the argument reduction by a 66-bit pi, rounding modes, and that the
// host's own FPU is left as the ABI wants it. Agreement with a real CPU is the differential test's business.
#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/exec/x87_quad.h"
#include "hwmodel/exec/x87_round.h"
#include "tests/catch.h"

namespace ringside::hw {
namespace {

using testing::Mode;
using testing::SmallMachine;

struct Stack {
  SmallMachine m{Mode::kLong};
  explicit Stack(std::initializer_list<X87Register> values, uint16_t control = 0x037f) {
    FpuState& f = m.cpu.fpu;
    f.control = control;
    f.status = 0;
    unsigned i = 0;
    for (const auto& value : values) f.st[i++] = value;
    f.empty = static_cast<uint8_t>(0xff << i);
  }
  X87Register st(unsigned i) const { return m.cpu.fpu.st[((m.cpu.fpu.status >> 11) + i) & 7]; }
};
void check(const X87Register& got, uint16_t sign_exponent, uint64_t mantissa) {
  CHECK(got.sign_exponent == sign_exponent);
  CHECK(got.mantissa == mantissa);
}

constexpr X87Register kOne{0x8000000000000000ull, 0x3fff}, kHalf{0x8000000000000000ull, 0x3ffe};

TEST_CASE("known values, rounded to nearest") {
  SECTION("pi / 4 is the arc tangent of one") {
    Stack s{{kOne, kOne}};
    REQUIRE(s.m.run({0xd9, 0xf3}));
    check(s.st(0), 0x3ffe, 0xc90fdaa22168c235ull);
  }
  SECTION("minus pi is the arc tangent of -0 over -1, and inexact") {
    Stack s{{X87Register{0x8000000000000000ull, 0xbfff}, X87Register{0, 0x8000}}};
    REQUIRE(s.m.run({0xd9, 0xf3}));
    check(s.st(0), 0xc000, 0xc90fdaa22168c235ull);
    CHECK((s.m.cpu.fpu.status & 0x3f) == 0x20);
  }
  SECTION("log2 of ten") {
    Stack s{{X87Register{0xa000000000000000ull, 0x4002}, kOne}};
    REQUIRE(s.m.run({0xd9, 0xf1}));
    check(s.st(0), 0x4000, 0xd49a784bcd1b8afeull);
  }
  SECTION("sqrt(2) - 1 is 2^0.5 - 1") {
    Stack s{{kHalf}};
    REQUIRE(s.m.run({0xd9, 0xf0}));
    check(s.st(0), 0x3ffd, 0xd413cccfe7799211ull);
  }
  SECTION("the sine of one") {
    Stack s{{kOne}};
    REQUIRE(s.m.run({0xd9, 0xfe}));
    check(s.st(0), 0x3ffe, 0xd76aa47848677021ull);
  }
  SECTION("3 * log2(8) is exact") {
    Stack s{{X87Register{0x8000000000000000ull, 0x4002}, X87Register{0xc000000000000000ull, 0x4000}}};
    REQUIRE(s.m.run({0xd9, 0xf1}));
    check(s.st(0), 0x4002, 0x9000000000000000ull);
    CHECK((s.m.cpu.fpu.status & 0x3f) == 0);
  }
}

TEST_CASE("the sine of the x87's own pi shows its 66 bits") {
  Stack s{{X87Register{0xc90fdaa22168c235ull, 0x4000}}};
  REQUIRE(s.m.run({0xd9, 0xfe}));
  check(s.st(0), 0xbfbf, 0x8000000000000000ull);   // -2^-64; with the true pi it would be -5.02e-20
}

TEST_CASE("directed rounding knows which side of a tiny argument the sine is on") {
  const X87Register tiny{0x8000000000000000ull, 0x3f00};
  const struct { uint16_t control; uint64_t mantissa; uint16_t exponent; } cases[] = {
      {0x037f, 0x8000000000000000ull, 0x3f00},   // nearest
      {0x077f, 0xffffffffffffffffull, 0x3eff},   // down
      {0x0b7f, 0x8000000000000000ull, 0x3f00},   // up
      {0x0f7f, 0xffffffffffffffffull, 0x3eff},   // to zero
  };
  for (const auto& c : cases) {
    Stack s({tiny}, c.control);
    REQUIRE(s.m.run({0xd9, 0xfe}));
    check(s.st(0), c.exponent, c.mantissa);
    CHECK(s.m.cpu.fpu.status & 0x20);
  }
}

TEST_CASE("arguments of 2^63 and more are refused with C2") {
  Stack s{{X87Register{0x8000000000000000ull, 0x3fff + 63}}};
  REQUIRE(s.m.run({0xd9, 0xfe}));
  CHECK(s.m.cpu.fpu.status & 0x400);
  check(s.st(0), 0x3fff + 63, 0x8000000000000000ull);
}

TEST_CASE("rounding of wide numbers at the ends of the range") {
  constexpr unsigned __int128 kLeading = static_cast<unsigned __int128>(1) << 127;
  SECTION("overflow gives infinity or the largest number, as the mode says") {
    CHECK(x87::round_wide({false, 16384, kLeading}, x87::Residue::kNone, 0x037f).value.sign_exponent == 0x7fff);
    const auto down = x87::round_wide({false, 16384, kLeading}, x87::Residue::kNone, 0x077f);
    check(down.value, 0x7ffe, ~0ull);
    CHECK(down.status == 0x28);
  }
  SECTION("unmasked overflow wraps the exponent by 24576") {
    const auto r = x87::round_wide({false, 16384, kLeading}, x87::Residue::kNone, 0x0377);
    CHECK(r.value.sign_exponent == 16384 - 24576 + 16383);
    CHECK(r.status == 0x08);
  }
  SECTION("an exact denormal is no underflow while masked, and one when unmasked") {
    CHECK(x87::round_wide({false, -16383, kLeading}, x87::Residue::kNone, 0x037f).status == 0);
    const auto r = x87::round_wide({false, -16383, kLeading}, x87::Residue::kNone, 0x036f);
    CHECK(r.status == 0x10);
    CHECK(r.value.sign_exponent == -16383 + 24576 + 16383);
  }
  SECTION("below the smallest denormal") {
    const auto r = x87::round_wide({true, -17000, kLeading | 1}, x87::Residue::kNone, 0x037f);
    check(r.value, 0x8000, 0);
    CHECK(r.status == 0x30);
    check(x87::round_wide({true, -17000, kLeading | 1}, x87::Residue::kNone, 0x077f).value, 0x8000, 1);
  }
  SECTION("a carry into the next power of two") {
    const auto r = x87::round_wide({false, 0, ~static_cast<unsigned __int128>(0)}, x87::Residue::kNone, 0x037f);
    check(r.value, 0x4000, 0x8000000000000000ull);
    CHECK(r.status == 0x220);
  }
}

TEST_CASE("the host's FPU is clean after instructions that raised unmasked exceptions") {
  Stack s({kOne, X87Register{0, 0}}, 0x0340);
  REQUIRE(s.m.run({0xd8, 0xf1}));                 // fdiv st0, st1: division by zero, unmasked
  CHECK((s.m.cpu.fpu.status & 0x8084) == 0x8084);
  check(s.st(0), 0x3fff, 0x8000000000000000ull);  // not executed
  uint16_t control = 0, status = 0xffff;
  uint32_t mxcsr = 0;
  asm volatile("fnstcw %0; fnstsw %1; stmxcsr %2" : "=m"(control), "=m"(status), "=m"(mxcsr));
  CHECK(control == 0x037f);
  CHECK((status & 0x3f) == 0);
  CHECK((mxcsr & ~0x3fu) == 0x1f80);
}

}  // namespace
}  // namespace ringside::hw
