// The bounded form of the comparison with the real CPU: fixed seeds, a few seconds.
#include <iostream>

#include "tests/catch.h"
#include "tests/differential/native/comparison.h"

using namespace ringside::differential;

namespace {
constexpr uint64_t kSeed = 0x72696e67;
constexpr uint64_t kCases = 60'000;
}  // namespace

TEST_CASE("random instructions do on the model what they do on the real CPU") {
  Comparison comparison(RINGSIDE_DIFFERENTIAL_DATA, "");
  if (const auto reason = comparison.open()) {
    std::cout << "SKIPPED: no comparison with the real CPU: " << *reason << "\n";
    return;
  }
  const Summary summary = comparison.run(kSeed, kCases);
  for (const Finding& finding : summary.findings) UNSCOPED_INFO(finding.text);
  CHECK(summary.different == 0);
  CHECK(summary.cases == kCases);
  // The mix must stay a mix: most instructions complete, faults are among them, every instruction of the allow list has its turn.
  CHECK(summary.faults > kCases / 50);
  CHECK(summary.faults < kCases / 2);
  CHECK(summary.per_mnemonic.size() == comparison.generator().mnemonics().size());
}

TEST_CASE("the comparison notices a wrong result") {
  Case c{};
  Result model = c.real;
  const Ignored nothing;
  CHECK(difference(c, model, nothing, 0).empty());
  SECTION("a register") { model.state.gpr[3] = 1; }
  SECTION("a flag") { model.state.flags ^= 0x40; }
  SECTION("the control word") { model.state.fpu.control ^= 1; }
  SECTION("a stack register") { model.state.fpu.st[7].mantissa ^= 1; }
  SECTION("a vector") { model.state.fpu.xmm[15][1] ^= 1ull << 63; }
  SECTION("a byte of memory") { model.memory[kPage - 1] = 1; }
  SECTION("a fault") { model.outcome = Outcome::kFault; }
  CHECK_FALSE(difference(c, model, nothing, 0).empty());
}

TEST_CASE("undefined flags are ignored, and only where they are undefined") {
  const Differences differences(RINGSIDE_DIFFERENTIAL_DATA);
  Case c{};
  ringside::hw::Decoded shift;
  const uint8_t bytes[] = {0xc1, 0xe0, 0x05};  // shl eax, 5
  REQUIRE(decode_both(bytes, shift));
  CHECK(differences.ignored(shift, c).flags == 0x810);  // OF and AF
  const uint8_t by_one[] = {0xd1, 0xe0};                // shl eax, 1
  REQUIRE(decode_both(by_one, shift));
  CHECK(differences.ignored(shift, c).flags == 0x10);   // AF
}
