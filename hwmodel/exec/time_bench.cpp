// What detailed mode costs: the same small loops in fast and in detailed mode, in million instructions a second of processor time, and their
// ratio, which must stay above a third. `./dev bench time` runs it; the boot of Debian's kernel in both modes is in `./dev bench boot`.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <initializer_list>

#include "hwmodel/cost/profile.h"
#include "hwmodel/exec/testing/small_machine.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

struct Loop {
  const char* name;
  std::initializer_list<uint8_t> code;  // ends by jumping to its beginning
};

constexpr uint64_t kSlice = 100'000;

double mips(const Loop& loop, TimeMode mode) {
  SmallMachine m(Mode::kLong);
  m.cpu.time.set_costs(load_cost_profile(std::string(kDefaultCostProfile)).value().table());
  m.cpu.time.set_mode(mode, m.cpu.now());
  uint64_t address = at::kCode;
  for (const uint8_t byte : loop.code) m.poke(address++, byte);
  const std::clock_t start = std::clock();
  std::clock_t spent = 0;
  while ((spent = std::clock() - start) < CLOCKS_PER_SEC / 5) {
    m.cpu.deadline = m.cpu.counters.instructions + kSlice;
    run(m.cpu);
  }
  return static_cast<double>(m.cpu.counters.instructions) / 1e6 / (static_cast<double>(spent) / CLOCKS_PER_SEC);
}

const Loop kLoops[] = {
    {"add, jump: two instructions a block", {0x48, 0x01, 0xc3, 0xeb, 0xfb}},
    {"eight adds, jump",
     {0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0x48, 0x01, 0xc3, 0xeb, 0xe6}},
    {"load, store, add, jump",
     {0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00, 0x48, 0x89, 0x1c, 0x25, 0x08, 0x20, 0x01, 0x00, 0x48, 0x01, 0xc3, 0xeb, 0xeb}},
    {"call, ret, jump", {0xe8, 0x02, 0x00, 0x00, 0x00, 0xeb, 0xf9, 0xc3}},
    {"mov cr3, load: a walk each round",
     {0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x48, 0x8b, 0x1c, 0x25, 0x00, 0x20, 0x01, 0x00, 0xeb, 0xf0}},
    {"rep stosb of 64 bytes", {0xb9, 0x40, 0x00, 0x00, 0x00, 0xbf, 0x00, 0x21, 0x01, 0x00, 0xf3, 0xaa, 0xeb, 0xf2}},
};

}  // namespace

int main() {
  std::printf("%-44s %10s %10s %7s\n", "loop", "fast", "detailed", "ratio");
  double least = 1e9;
  for (const Loop& loop : kLoops) {
    const double fast = mips(loop, TimeMode::kFast), detailed = mips(loop, TimeMode::kDetailed);
    least = std::min(least, detailed / fast);
    std::printf("%-44s %7.0f M/s %6.0f M/s %7.2f\n", loop.name, fast, detailed, detailed / fast);
  }
  std::printf("least ratio %.2f; at least 0.33 is what detailed mode promises\n", least);
}
