// CPUID announces what the decoder's table implements, no more and no less; MSRs can be read and written as their table says.
#include <set>
#include <vector>

#include "hwmodel/exec/cpuid.h"
#include "hwmodel/exec/msr.h"
#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/isa/decoder.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/frequencies.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

bool implemented(const std::vector<uint8_t>& bytes) {
  Uop uop;
  return decode(bytes, {64, 8}, 0, uop).outcome == DecodeOutcome::kOk;
}

TEST_CASE("an instruction of every announced extension is implemented", "[cpuid]") {
  struct Probe { const char* feature; std::vector<uint8_t> bytes; };
  const Probe probes[] = {
      {"fpu", {0xd9, 0xe8}}, {"tsc", {0x0f, 0x31}}, {"msr", {0x0f, 0x32}}, {"cx8", {0x0f, 0xc7, 0x08}}, {"sep", {0x0f, 0x34}},
      {"cmov", {0x0f, 0x44, 0xc1}}, {"cmov", {0xda, 0xc1}}, {"clflush", {0x0f, 0xae, 0x38}}, {"mmx", {0x0f, 0xfc, 0xc1}}, {"fxsr", {0x0f, 0xae, 0x00}},
      {"sse", {0x0f, 0x58, 0xc1}}, {"sse2", {0x66, 0x0f, 0x58, 0xc1}}, {"pni", {0xf2, 0x0f, 0x7c, 0xc1}}, {"ssse3", {0x66, 0x0f, 0x38, 0x00, 0xc1}},
      {"cx16", {0x48, 0x0f, 0xc7, 0x08}}, {"sse4_1", {0x66, 0x0f, 0x38, 0x17, 0xc1}}, {"sse4_2", {0x66, 0x0f, 0x38, 0x37, 0xc1}},
      {"sse4_2", {0xf2, 0x0f, 0x38, 0xf1, 0xc1}}, {"movbe", {0x0f, 0x38, 0xf0, 0x00}}, {"popcnt", {0xf3, 0x0f, 0xb8, 0xc1}}, {"rdrand", {0x0f, 0xc7, 0xf0}},
      {"fsgsbase", {0xf3, 0x0f, 0xae, 0xc0}}, {"invpcid", {0x66, 0x0f, 0x38, 0x82, 0x00}}, {"rdseed", {0x0f, 0xc7, 0xf8}},
      {"smap", {0x0f, 0x01, 0xca}}, {"rdpid", {0xf3, 0x0f, 0xc7, 0xf8}}, {"lahf_lm", {0x9f}}, {"3dnowprefetch", {0x0f, 0x0d, 0x08}},
      {"syscall", {0x0f, 0x05}}, {"rdtscp", {0x0f, 0x01, 0xf9}},
  };
  for (const Probe& p : probes) {
    CAPTURE(p.feature);
    CHECK(announces(p.feature));
    CHECK(implemented(p.bytes));
  }
}

TEST_CASE("instructions that are not announced are #UD", "[cpuid]") {
  const std::vector<uint8_t> cases[] = {
      {0x0f, 0x01, 0xd0},        // xgetbv
      {0x0f, 0xc7, 0x20},        // xsavec
      {0x0f, 0x01, 0xc8},        // monitor
      {0x0f, 0x01, 0xc2},        // vmlaunch
      {0x0f, 0x01, 0xd9},        // vmmcall
      {0x0f, 0x01, 0xee},        // rdpkru
      {0xc7, 0xf8, 0, 0, 0, 0},  // xbegin
      {0xc4, 0xe2, 0x78, 0xf2, 0xc1},               // andn
      {0xc5, 0xf8, 0x58, 0xc1},                     // vaddps
      {0x66, 0x0f, 0x38, 0xdc, 0xc1},               // aesenc
      {0x66, 0x0f, 0x3a, 0x44, 0xc1, 0},            // pclmulqdq
      {0x66, 0x0f, 0x38, 0xf6, 0xc1},               // adcx
      {0x0f, 0x38, 0xc8, 0xc1},                     // sha1nexte
  };
  for (const auto& bytes : cases) {
    SmallMachine m(Mode::kLong);
    m.cpu.cr4 |= cr4::kOsfxsr;
    m.cpu.gpr[kRax] = at::kData;
    uint64_t at = at::kCode;
    for (const uint8_t b : bytes) m.poke(at++, b);
    m.step_once();
    CAPTURE(unsigned{bytes[0]}, unsigned{bytes[1]}, unsigned{bytes[2]});
    CHECK(m.handler() == 6);
  }
}

TEST_CASE("CPUID leaves: identity, clocks, addresses, brand", "[cpuid]") {
  SmallMachine m(Mode::kLong);
  m.cpu.gpr[kRax] = ~0ull << 32;
  REQUIRE(m.run({0x0f, 0xa2}));
  CHECK(m.cpu.gpr[kRax] == kMaxBasicLeaf);
  CHECK(m.cpu.gpr[kRbx] == 0x756e6547);   // Genu ineI ntel
  CHECK(m.cpu.gpr[kRdx] == 0x49656e69);
  CHECK(m.cpu.gpr[kRcx] == 0x6c65746e);
  const CpuidResult clock = cpuid(m.cpu, 0x15, 0);
  CHECK(uint64_t{clock.ecx} * clock.ebx / clock.eax == kTscHz);
  CHECK(clock.ecx == kApicTimerHz);
  CHECK(cpuid(m.cpu, 0x16, 0).eax == 1000);
  CHECK((cpuid(m.cpu, 0x80000008, 0).eax & 0xff) == kPhysicalAddressBits);
  CHECK(cpuid(m.cpu, 7, 1).ebx == 0);
  CHECK(cpuid(m.cpu, 7, 2).edx == 1u << 4);
  CHECK(cpuid(m.cpu, 7, 0).eax == 2);
  CHECK(cpuid(m.cpu, 0x40000000, 0).eax == cpuid(m.cpu, kMaxBasicLeaf, 0).eax);
  CHECK((cpuid(m.cpu, 1, 0).ecx >> 31) == 0);   // no hypervisor
  CHECK((cpuid(m.cpu, 1, 0).ecx >> 27 & 3) == 0);   // no XSAVE, no AVX
}

TEST_CASE("topology leaves for one and for several CPUs", "[cpuid]") {
  SmallMachine m(Mode::kLong);
  CHECK((cpuid(m.cpu, 1, 0).edx >> 28 & 1) == 0);
  CHECK(cpuid(m.cpu, 0xb, 1).ebx == 1);
  m.cpu.cpu_count = 6;
  m.cpu.id = 5;
  CHECK((cpuid(m.cpu, 1, 0).edx >> 28 & 1) == 1);
  CHECK(cpuid(m.cpu, 1, 0).ebx >> 24 == 5);
  const CpuidResult core = cpuid(m.cpu, 0xb, 1);
  CHECK(core.eax == 3);
  CHECK(core.ebx == 6);
  CHECK(core.edx == 5);
  CHECK(cpuid(m.cpu, 0xb, 2).ebx == 0);
}

TEST_CASE("no feature bit is listed twice", "[cpuid]") {
  std::set<std::tuple<uint32_t, uint32_t, CpuidRegister, unsigned>> seen;
  for (const Feature& f : announced_features()) {
    CAPTURE(f.name);
    CHECK(seen.emplace(f.leaf, f.subleaf, f.where, f.bit).second);
  }
}

TEST_CASE("MSRs: what can be read can be written back; unknown ones and bad values fault", "[msr]") {
  SmallMachine m(Mode::kLong);
  for (const MsrInfo& info : msr_table()) {
    uint64_t value = 0;
    if (!info.read || !read_msr(m.cpu, nullptr, info.index, value)) continue;
    CAPTURE(info.name);
    if (info.write && info.index != 0x1b) CHECK(write_msr(m.cpu, nullptr, info.index, value));
  }
  m.cpu.gpr[kRcx] = 0x12345;
  m.run({0x0f, 0x32});
  CHECK(m.handler() == 13);
  struct Bad { uint32_t index; uint64_t value; };
  for (const Bad& b : {Bad{0x277, 2}, Bad{0x2ff, 0x1000}, Bad{0x48, 0x100}, Bad{0xc0000082, 1ull << 47}, Bad{0xc0000080, 1 << 3}, Bad{0x10a, 0},
                       Bad{0x200, 2}, Bad{0x201, 1ull << 50}, Bad{0xc0000103, 1ull << 32}, Bad{0x49, 2}}) {
    CAPTURE(b.index);
    CHECK_FALSE(write_msr(m.cpu, nullptr, b.index, b.value));
  }
  uint64_t unreadable;
  CHECK_FALSE(read_msr(m.cpu, nullptr, 0x49, unreadable));
}

TEST_CASE("the TSC counts instructions, can be set, and its adjustment follows", "[msr]") {
  SmallMachine m(Mode::kLong);
  m.put(at::kCode, {0x0f, 0x31, 0x89, 0xc3, 0x0f, 0x31});   // rdtsc; mov ebx, eax; rdtsc
  for (int i = 0; i < 3; ++i) REQUIRE(m.step_once());
  CHECK(m.cpu.gpr[kRax] - m.cpu.gpr[kRbx] == 2);
  m.cpu.gpr[kRax] = 1'000'000;
  m.cpu.gpr[kRdx] = 0;
  m.cpu.gpr[kRcx] = 0x10;
  REQUIRE(m.run({0x0f, 0x30}));
  REQUIRE(m.run({0x0f, 0x31}));
  CHECK(m.cpu.gpr[kRax] == 1'000'001);
  uint64_t adjust;
  REQUIRE(read_msr(m.cpu, nullptr, 0x3b, adjust));
  CHECK(adjust == 1'000'000 - 3);
  REQUIRE(write_msr(m.cpu, nullptr, 0x3b, 0));
  CHECK(read_tsc(m.cpu, nullptr) == m.cpu.now().value);
  m.cpu.cr4 |= cr4::kTsd;
  m.enter_user();
  m.run({0x0f, 0x31});
  CHECK(m.handler() == 13);
}

TEST_CASE("RDRAND repeats with the seed and differs from call to call", "[msr]") {
  SmallMachine m(Mode::kLong), n(Mode::kLong);
  std::set<uint64_t> values;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(m.run({0x48, 0x0f, 0xc7, 0xf0}));
    REQUIRE(n.run({0x48, 0x0f, 0xc7, 0xf0}));
    CHECK(m.cpu.gpr[kRax] == n.cpu.gpr[kRax]);
    CHECK(m.cpu.arithmetic.cf());
    values.insert(m.cpu.gpr[kRax]);
    m.cpu.rip = n.cpu.rip = at::kCode;
  }
  CHECK(values.size() == 100);
}

}  // namespace
}  // namespace ringside::hw::testing
