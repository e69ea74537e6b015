// Thousands of hostile moves by seeded guests; after every few the counts are recounted from the tables.
#include "tests/catch.h"

#include <random>

#include "vmm/techniques/pv/testing/hostile_guest.h"

using namespace ringside::vmm::pv;
using namespace ringside::vmm::pv::testing;
using ringside::vmm::Answer;

namespace {

void play(unsigned seed, unsigned moves, const SmallGuest::Options& options) {
  std::mt19937 random(seed);
  HostileGuest hostile(options);
  std::vector<uint8_t> bytes(512);
  for (unsigned move = 0; move < moves; ++move) {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    Bytes source(bytes);
    hostile.act(source);
    if (move % 16 && move + 1 < moves) continue;
    const auto problem = hostile.problem();
    INFO("seed " << seed << ", move " << move);
    if (problem) FAIL(*problem);
  }
  CHECK(hostile.taken > moves / 20);    // or the guest was too clumsy to try anything
  CHECK(hostile.refused > moves / 20);
}

}  // namespace

TEST_CASE("Hostile paravirtual guests never make the monitor's counts untrue") {
  for (unsigned seed = 1; seed <= 12; ++seed) play(seed, 3000, {});
}

TEST_CASE("Nor when all work is done in small slices") {
  for (unsigned seed = 101; seed <= 104; ++seed) play(seed, 1500, {.slice = 37});
}

TEST_CASE("Nor when reference counts are at their limit") {
  for (unsigned seed = 201; seed <= 206; ++seed) play(seed, 2000, {.most_references = 4});
}
