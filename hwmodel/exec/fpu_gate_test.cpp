// Which exception guards each kind of FPU, MMX and SSE instruction: every combination of the control bits against a computed oracle,
// and #XM against #UD for unmasked SIMD exceptions.
#include "hwmodel/exec/fpu_gate.h"

#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"

namespace ringside::hw {
namespace {

using testing::Mode;
using testing::SmallMachine;

enum class Kind { kX87, kX87NoWait, kWait, kMmx, kSse, kSseAndMmx, kState, kUngated };

struct Sample {
  const char* name;
  Kind kind;
  std::initializer_list<uint8_t> bytes;
};
const Sample kSamples[] = {
    {"fld1", Kind::kX87, {0xd9, 0xe8}},
    {"fnop", Kind::kX87, {0xd9, 0xd0}},
    {"fnstsw ax", Kind::kX87NoWait, {0xdf, 0xe0}},
    {"fnclex", Kind::kX87NoWait, {0xdb, 0xe2}},
    {"wait", Kind::kWait, {0x9b}},
    {"paddb mm0, mm1", Kind::kMmx, {0x0f, 0xfc, 0xc1}},
    {"emms", Kind::kMmx, {0x0f, 0x77}},
    {"pshufw mm0, mm1, 0", Kind::kMmx, {0x0f, 0x70, 0xc1, 0x00}},
    {"pxor xmm0, xmm1", Kind::kSse, {0x66, 0x0f, 0xef, 0xc1}},
    {"addps xmm0, xmm1", Kind::kSse, {0x0f, 0x58, 0xc1}},
    {"pcmpistri xmm0, xmm1, 0", Kind::kSse, {0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x00}},
    {"stmxcsr [rbx]", Kind::kSse, {0x0f, 0xae, 0x1b}},
    {"movq2dq xmm0, mm0", Kind::kSseAndMmx, {0xf3, 0x0f, 0xd6, 0xc0}},
    {"fxsave [rbx]", Kind::kState, {0x0f, 0xae, 0x03}},
    {"fxrstor [rbx]", Kind::kState, {0x0f, 0xae, 0x0b}},
    {"crc32 eax, ecx", Kind::kUngated, {0xf2, 0x0f, 0x38, 0xf1, 0xc1}},
    {"movnti [rbx], eax", Kind::kUngated, {0x0f, 0xc3, 0x03}},
};

struct Bits {
  bool em, ts, mp, ne, osfxsr, pending;
};

// [SDM 3A 2.5 and table 13-1; SDM 2A tables 2-21, 23-4 to 23-8]; -1: no exception. MODEL: a pending exception without NE is ignored.
int expected(Kind kind, const Bits& b) {
  constexpr int kUd = 6, kNm = 7, kMf = 16;
  const int pending = b.pending && b.ne ? kMf : -1;
  const int sse = b.em || !b.osfxsr ? kUd : b.ts ? kNm : -1;
  const int mmx_gate = b.em ? kUd : b.ts ? kNm : pending;
  switch (kind) {
    case Kind::kX87: return b.em || b.ts ? kNm : pending;
    case Kind::kX87NoWait:
    case Kind::kState: return b.em || b.ts ? kNm : -1;
    case Kind::kWait: return b.mp && b.ts ? kNm : pending;
    case Kind::kMmx: return mmx_gate;
    case Kind::kSse: return sse;
    case Kind::kSseAndMmx: return sse >= 0 ? sse : mmx_gate;
    case Kind::kUngated: return -1;
  }
  return -1;
}

TEST_CASE("control bits decide between #UD, #NM, #MF and execution") {
  for (const Sample& sample : kSamples) {
    for (unsigned n = 0; n < 64; ++n) {
      const Bits b{bool(n & 1), bool(n & 2), bool(n & 4), bool(n & 8), bool(n & 16), bool(n & 32)};
      SmallMachine m(Mode::kLong);
      m.cpu.cr0 = (m.cpu.cr0 & ~(cr0::kEm | cr0::kTs | cr0::kMp | cr0::kNe)) | (b.em ? cr0::kEm : 0) | (b.ts ? cr0::kTs : 0) |
                  (b.mp ? cr0::kMp : 0) | (b.ne ? cr0::kNe : 0);
      m.cpu.cr4 = (m.cpu.cr4 & ~cr4::kOsfxsr) | (b.osfxsr ? cr4::kOsfxsr : 0);
      m.cpu.mode_changed();
      if (b.pending) {
        m.cpu.fpu.control = 0x037e;   // invalid operation unmasked ...
        m.cpu.fpu.status = 0x8081;    // ... and signalled
      }
      m.cpu.gpr[kRbx] = testing::at::kData;
      INFO(sample.name << " em " << b.em << " ts " << b.ts << " mp " << b.mp << " ne " << b.ne << " osfxsr " << b.osfxsr << " pending " << b.pending);
      m.run(sample.bytes);
      CHECK(m.handler() == expected(sample.kind, b));
    }
  }
}

TEST_CASE("an unmasked SIMD exception is #XM with CR4.OSXMMEXCPT and #UD without, and writes nothing") {
  for (const bool announced : {false, true}) {
    SmallMachine m(Mode::kLong);
    m.cpu.cr4 |= cr4::kOsfxsr | (announced ? cr4::kOsxmmexcpt : 0);
    m.cpu.mode_changed();
    m.cpu.mxcsr = 0x1f80 & ~(1u << 9);                 // division by zero unmasked
    m.cpu.xmm[0] = {0x3f800000, 7};
    m.cpu.xmm[1] = {0, 0};
    CHECK_FALSE(m.run({0xf3, 0x0f, 0x5e, 0xc1}));      // divss xmm0, xmm1
    CHECK(m.handler() == (announced ? 19 : 6));
    CHECK(m.cpu.xmm[0].lo == 0x3f800000);
    CHECK(m.cpu.xmm[0].hi == 7);
    CHECK((m.cpu.mxcsr & 0x3f) == 4);
  }
}

TEST_CASE("aligned forms raise #GP where unaligned ones do not") {
  struct { std::initializer_list<uint8_t> bytes; bool aligned; } const forms[] = {
      {{0x66, 0x0f, 0x6f, 0x03}, true},    // movdqa xmm0, [rbx]
      {{0xf3, 0x0f, 0x6f, 0x03}, false},   // movdqu
      {{0x0f, 0x29, 0x03}, true},          // movaps [rbx], xmm0
      {{0x0f, 0x11, 0x03}, false},         // movups [rbx], xmm0
      {{0x66, 0x0f, 0xfc, 0x03}, true},    // paddb xmm0, [rbx]
      {{0x0f, 0xfc, 0x03}, false},         // paddb mm0, [rbx]
      {{0xf2, 0x0f, 0xf0, 0x03}, false},   // lddqu
      {{0x66, 0x0f, 0x3a, 0x63, 0x03, 0}, false},  // pcmpistri
      {{0xf3, 0x0f, 0x58, 0x03}, false},   // addss xmm0, [rbx]
      {{0x0f, 0xae, 0x03}, true},          // fxsave
  };
  for (const auto& form : forms) {
    SmallMachine m(Mode::kLong);
    m.cpu.cr4 |= cr4::kOsfxsr;
    m.cpu.mode_changed();
    m.cpu.gpr[kRbx] = testing::at::kData + 8 + 1;
    m.run(form.bytes);
    CHECK(m.handler() == (form.aligned ? 13 : -1));
  }
}

}  // namespace
}  // namespace ringside::hw
