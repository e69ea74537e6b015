// How fast the MMU's slow paths are: nanoseconds per first-level hit, second-level hit, walk and mode update, as a
// table.
// `./dev bench mmu` runs it.
#include <cstdio>
#include <ctime>

#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/two_dimensions.h"
#include "hwmodel/mmu/tlb_profile.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

constexpr uint64_t kBase = 0x400000;

struct Machine {
  PhysicalMemory memory = make_memory(256 << 20);
  CpuState cpu;
  Mmu mmu{cpu, memory};
  uint64_t next = 0x100000;
  TableBuilder tables;
  Machine(PagingMode mode, unsigned pages) : tables(memory, mode, next) {
    enter(cpu, mode);
    cpu.cr3 = tables.root();
    mmu.update_mode();
    for (unsigned i = 0; i < pages; ++i) {
      tables.map(kBase + uint64_t{i} * 4096, 1, 0x4000000 + (uint64_t{i} % 8192) * 4096, bit::kP | bit::kRw | bit::kUs);
    }
  }
};

// Calls `access(i)` repeatedly for about 0.2 s of processor time and returns nanoseconds per call.
template <class Access>
double nanoseconds(Access&& access) {
  uint64_t calls = 0;
  const std::clock_t start = std::clock();
  std::clock_t spent = 0;
  while ((spent = std::clock() - start) < CLOCKS_PER_SEC / 5) {
    for (unsigned i = 0; i < 4096; ++i) access(static_cast<unsigned>(calls++));
  }
  return static_cast<double>(spent) * 1e9 / CLOCKS_PER_SEC / static_cast<double>(calls);
}

void row(const char* what, double ns) { std::printf("%-58s %8.1f ns %10.1f M/s\n", what, ns, 1e3 / ns); }

}  // namespace

int main() {
  {
    Machine m(PagingMode::kFourLevel, 1024);
    // Two pages that share a slot of the fast table but not a TLB set's capacity.
    row("first-level hit, direct pointer lost to another page", nanoseconds([&](unsigned i) {
          (void)m.mmu.translate(kBase + (i & 1) * 512 * 4096, AccessKind::kRead, false);
        }));
    row("first-level instruction hit",
        nanoseconds([&](unsigned i) { (void)m.mmu.translate(kBase + (i & 63) * 4096, AccessKind::kFetch, false); }));
    const uint64_t before = m.mmu.counters.walks;
    row("second-level hit (first-level miss and eviction)",
        nanoseconds([&](unsigned i) { (void)m.mmu.translate(kBase + (i & 1023) * 4096, AccessKind::kRead, false); }));
    std::printf("  (walks meanwhile: %llu, the first touch of each page)\n",
                static_cast<unsigned long long>(m.mmu.counters.walks - before));
    row("mode update, CPL change only", nanoseconds([&](unsigned i) {
          m.cpu.cpl = i & 1 ? 3 : 0;
          m.mmu.update_mode();
        }));
  }
  {
    Machine m(PagingMode::kFourLevel, 512);
    const uint64_t root = m.cpu.cr3;
    m.cpu.cr4 |= cr4::kPcide;
    row("CR3 switch between PCIDs, 8 pages touched in each", nanoseconds([&](unsigned i) {
          m.cpu.cr3 = root | (i & 1);
          m.mmu.update_mode();
          for (unsigned page = 0; page < 8; ++page)
            (void)m.mmu.translate(kBase + page * 4096, AccessKind::kRead, false);
        }));
    row("INVLPG and touch again", nanoseconds([&](unsigned i) {
          m.mmu.flush_page(kBase + (i & 15) * 4096);
          (void)m.mmu.translate(kBase + (i & 15) * 4096, AccessKind::kRead, false);
        }));
  }
  struct Case {
    PagingMode mode;
    const char* name;
  };
  std::printf("both TLBs missed and filled, walk caches on:\n");
  for (const Case c :
       {Case{PagingMode::kLegacy32, "walk, 2 levels"}, Case{PagingMode::kPae, "walk, 3 levels"},
        Case{PagingMode::kFourLevel, "walk, 4 levels"}, Case{PagingMode::kFiveLevel, "walk, 5 levels"}}) {
    Machine m(c.mode, 8192);
    row(c.name,
        nanoseconds([&](unsigned i) { (void)m.mmu.translate(kBase + (i & 8191) * 4096, AccessKind::kRead, false); }));
  }
  TlbProfile bare = default_tlb_profile();
  bare.walk_cache = {};
  bare.nested_tlb = 0;
  for (const bool cached : {false, true}) {
    std::printf("both TLBs missed and filled, walk caches %s:\n", cached ? "on" : "off");
    {
      Machine m(PagingMode::kFourLevel, 8192);
      if (!cached) m.mmu.set_tlb_profile(bare);
      row("walk, 4 levels",
          nanoseconds([&](unsigned i) { (void)m.mmu.translate(kBase + (i & 8191) * 4096, AccessKind::kRead, false); }));
    }
    TwoDimensions t(shape_of(PagingMode::kFourLevel), ept_shape(4), 1);
    for (unsigned i = 0; i < 8192; ++i)
      t.guest.map(kBase + uint64_t{i} * 4096, 1, 0x4000000 + uint64_t{i} * 4096, kUserPage);
    CpuState cpu;
    Mmu mmu(cpu, t.memory);
    if (!cached) mmu.set_tlb_profile(bare);
    enter(cpu, PagingMode::kFourLevel);
    cpu.cr3 = t.guest.root();
    mmu.set_regime(t.regime);
    mmu.update_mode();
    row("nested walk, 4 x 4 levels",
        nanoseconds([&](unsigned i) { (void)mmu.translate(kBase + (i & 8191) * 4096, AccessKind::kRead, false); }));
  }
}
