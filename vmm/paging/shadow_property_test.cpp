// Random table edits with the invalidations the architecture asks for, random accesses in all modes: shadow, nested and
// agile paging against a native walk of the same tables, including the accessed and dirty flags left in them.
#include <map>
#include <random>

#include "tests/catch.h"
#include "vmm/paging/agile_paging.h"
#include "vmm/paging/nested_paging.h"
#include "vmm/paging/shadow_paging.h"
#include "vmm/testing/paging_twin.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::vmm;
using ringside::vmm::testing::Outcome;
using ringside::vmm::testing::PagingTwin;
namespace bit = ringside::hw::testing::bit;

namespace {

constexpr uint64_t kGuestBytes = 8 << 20;
constexpr uint64_t kTables = 0x200000;     // pages of tables: roots first
constexpr unsigned kRoots = 3;
constexpr uint64_t kWindowTables = 0x1f0000;
constexpr unsigned kWindowSlot = 511;      // of each root: all guest RAM, through which edits are made
constexpr unsigned kSlots[] = {0, 1, 3, 256, 511};

enum class Kind : uint8_t { kShadow, kNested, kAgile };

struct Setting {
  Kind kind;
  unsigned levels;
  const char* tlb;
  uint64_t pool;
  bool large_window;  // of 2 MiB pages, so that tables lie in pages that must be split
  bool tagged;        // PCIDs
  unsigned seed;
};

class Property : public PagingTwin {
 public:
  explicit Property(const Setting& s) : PagingTwin(kGuestBytes, s.pool, s.tlb), setting_(s), random_(s.seed) {
    make_paging();
    // These accesses need far fewer tables at once than an instruction may.
    while (tight() && monitor.used_pages() + 20 < monitor.capacity_pages()) (void)monitor.allocate();
    lay_out();
    for (unsigned i = 0; i < (tight() ? 300u : 40u); ++i) linears_.push_back(any_linear());
    set_mode([&](CpuState& cpu) {
      hw::testing::enter(cpu, s.levels == 5 ? PagingMode::kFiveLevel : PagingMode::kFourLevel);
      cpu.cr0 |= cr0::kWp;
      cpu.cr4 |= cr4::kPge | (s.tagged ? cr4::kPcide : 0);
      cpu.efer |= efer::kNxe;
      cpu.cr3 = cr3_of(0);
    });
  }

  void run(unsigned steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      const unsigned dice = random_() % 1000;
      if (dice < 800) {
        access();
      } else if (dice < 920) {
        edit();
      } else if (dice < 970) {
        switch_root();
      } else if (dice < 980) {
        change_mode();
      } else {
        let_time_pass();
      }
      REQUIRE_FALSE(escaped);
      if (step_ % 128 == 0) check_state();
    }
    check_state();
  }

  ShadowPaging* shadow() { return dynamic_cast<ShadowPaging*>(paging.get()); }

 private:
  void make_paging() {
    switch (setting_.kind) {
      case Kind::kShadow:
        paging = std::move(ShadowPaging::create(monitor).value());
        break;
      case Kind::kNested:
        paging = std::move(NestedPaging::create(monitor).value());
        break;
      case Kind::kAgile:
        // Without memory to spare most tables shall stay shadowed.
        paging = std::move(AgilePaging::create(monitor, {.writes = tight() ? 50u : 2u, .interval = 1000}).value());
        break;
    }
  }
  unsigned table_pages() const { return tight() ? 60 : 24; }
  bool tight() const { return setting_.pool < 1 << 20; }
  uint64_t root(unsigned n) const { return kTables + n * kPageSize; }
  uint64_t cr3_of(unsigned n) const { return root(n) | (setting_.tagged ? n + 1 : 0); }
  void poke(uint64_t address, uint64_t word) {
    for (auto* pc : {&native, &guest}) std::memcpy(pc->memory.host(GuestPhysical(address)), &word, sizeof word);
  }
  uint64_t peek(uint64_t address) {
    uint64_t word;
    std::memcpy(&word, native.memory.host(GuestPhysical(address)), sizeof word);
    return word;
  }

  // The window: one table of each level below the root, then either 2 MiB pages or page tables.
  void lay_out() {
    constexpr uint64_t kUpper = bit::kP | bit::kRw | bit::kA, kLeaf = kUpper | bit::kD;
    uint64_t next = kWindowTables;
    for (unsigned n = 0; n < kRoots; ++n) poke(root(n) + kWindowSlot * 8, next | kUpper);
    for (unsigned level = setting_.levels - 1; level > 2; --level) {
      poke(next, (next + kPageSize) | kUpper);
      next += kPageSize;
    }
    const uint64_t directory = next;
    for (unsigned i = 0; i < kGuestBytes >> 21; ++i) {
      if (setting_.large_window) {
        poke(directory + i * 8, uint64_t{i} << 21 | kLeaf | bit::kPs);
        continue;
      }
      next += kPageSize;
      poke(directory + i * 8, next | kUpper);
      for (uint64_t p = 0; p < 512; ++p) poke(next + p * 8, (uint64_t{i} << 21 | p << 12) | kLeaf);
    }
    for (unsigned i = 0; i < table_pages() * 6; ++i) {
      const uint64_t slot = any_slot();
      poke(slot, any_word(slot));
    }
  }
  uint64_t window(uint64_t physical) const {
    return (~uint64_t{0} << (12 + 9 * (setting_.levels - 1)) | physical) & ~uint64_t{0};
  }

  uint64_t any_slot() {
    for (;;) {
      const unsigned table = random_() % table_pages();
      const unsigned index = kSlots[random_() % std::size(kSlots)];
      if (table >= kRoots || index != kWindowSlot) return kTables + table * kPageSize + index * 8;
    }
  }
  uint64_t any_linear() {
    uint64_t linear = 0;
    for (unsigned level = setting_.levels; level >= 1; --level) {
      unsigned index = kSlots[random_() % std::size(kSlots)];
      if (level == setting_.levels && index == kWindowSlot) index = 0;
      linear = linear << 9 | index;
    }
    const unsigned width = 12 + 9 * setting_.levels;
    return static_cast<uint64_t>(static_cast<int64_t>(linear << 12 << (64 - width)) >> (64 - width));
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  // Global pages that differ between address spaces need more than a CR3 load, so half of the runs have none.
  bool globals() const { return setting_.seed % 2; }
  uint64_t any_word(uint64_t slot) { return random_word(home(slot)) & ~(globals() ? 0 : bit::kG); }
  // The level a table is mostly used at.
  unsigned home(uint64_t slot) const {
    const unsigned n = static_cast<unsigned>((slot - kTables) / kPageSize);
    return n < kRoots ? setting_.levels : 1 + n % (setting_.levels - 1);
  }
  uint64_t any_table(unsigned level) {
    for (;;) {
      const uint64_t table = kTables + random_() % table_pages() * kPageSize;
      if (chance(6) || home(table) == level) return table;
    }
  }
  uint64_t random_word(unsigned level) {
    if (chance(2)) return 0;
    uint64_t word = chance(97) ? bit::kP : 0;
    const unsigned generous = level > 1 ? 95 : 75;
    if (chance(generous)) word |= bit::kRw;
    if (chance(generous)) word |= bit::kUs;
    if (chance(40)) word |= bit::kA;
    if (chance(30)) word |= bit::kD;
    if (chance(10)) word |= bit::kG;
    if (chance(4)) word |= bit::kNx;
    const unsigned what = random_() % 100;
    if (level > 1 && what < 93) return word | any_table(level - 1);
    if (what < 50) return word | (0x600000 + random_() % 64 * kPageSize);                     // data
    if (what < 88) return word | (kTables + random_() % table_pages() * kPageSize);           // tables as data
    if (what < 91) return word | bit::kPs | (random_() % 5) << 21;                          // a large page, RAM or not
    if (what < 93) return word | bit::kPs | (random_() % 2) << 30;                          // a huge one
    if (what < 95) return word | 0xfee00000;                                                // a device
    if (what < 97) return word | (PhysicalMemory::kMonitorStart + random_() % 32 * kPageSize);  // the monitor's tables
    if (what < 99) return word | uint64_t{1} << (40 + random_() % 12);                      // a reserved bit
    return random_() | uint64_t{random_()} << 32;
  }

  void access() {
    const uint64_t linear = linears_[random_() % linears_.size()] + random_() % 4096;
    const AccessKind kind = static_cast<AccessKind>(random_() % 3);
    const AccessMode mode = static_cast<AccessMode>(random_() % 3);
    compare(linear, kind, mode, nullptr);
  }
  void compare(uint64_t linear, AccessKind kind, AccessMode mode, const uint64_t* store) {
    const Outcome expected = access_native(linear, kind, mode);
    if (store && expected.kind == Outcome::Kind::kRam)
      std::memcpy(native.memory.host(GuestPhysical(expected.physical)), store, sizeof *store);
    const Outcome got = access_guest(linear, kind, mode, store);
    if (got == expected) return;
    FAIL("step " << step_ << " seed " << setting_.seed << " linear " << std::hex << linear << " kind "
                 << static_cast<int>(kind) << " mode " << static_cast<int>(mode) << ": native " << expected.text() << ", got "
                 << got.text());
  }

  // The guest's kernel writes an entry through the window, and then invalidates as it must.
  void edit() {
    const uint64_t slot = any_slot(), old = peek(slot);
    uint64_t word = chance(60) ? any_word(slot) : old;
    if (word == old) word ^= uint64_t{1} << (chance(50) ? 1 + random_() % 2 : 5 + random_() % 2);  // rights, or flags
    const uint64_t ac = guest.cpu.system_flags;
    compare(window(slot), AccessKind::kWrite, AccessMode::kSupervisor, &word);
    guest.cpu.system_flags = ac;
    if (!(old & bit::kP) && chance(60)) return;  // nothing of it can be cached [SDM 3A 4.10.4.3]
    if (!globals() && !setting_.tagged && chance(20)) {
      load_cr3(cr3_of(random_() % kRoots), false);
    } else if (chance(50) && !setting_.tagged) {
      for (const uint64_t linear : linears_) invlpg(linear);
    } else {
      invalidate_all();
    }
  }
  void switch_root() {
    load_cr3(cr3_of(random_() % kRoots), setting_.tagged && chance(50));
    if (globals()) invalidate_all();
  }
  void change_mode() {
    const unsigned which = random_() % 5;
    set_mode([&](CpuState& cpu) {
      switch (which) {
        case 0:
          cpu.cr0 ^= cr0::kWp;
          break;
        case 1:
          cpu.cr4 ^= cr4::kSmep;
          break;
        case 2:
          cpu.cr4 ^= cr4::kSmap;
          break;
        case 3:
          cpu.efer ^= efer::kNxe;
          break;
        default:
          cpu.system_flags ^= rflags::kAc;
          break;
      }
    });
  }
  void let_time_pass() {
    guest.cpu.counters.instructions += 700;
    paging->time_passed(guest.cpu);
  }
  void check_state() {
    REQUIRE(same_memory());
    if (ShadowPaging* s = shadow()) REQUIRE(s->tables().consistent());
  }

  Setting setting_;
  std::mt19937 random_;
  std::vector<uint64_t> linears_;
  unsigned step_ = 0;
};

constexpr uint64_t kAmple = 4 << 20, kTight = 107 << 12;  // the least that create() accepts

using Totals = std::map<std::string, uint64_t>;

// The sum of the counters over all runs.
Totals run_all(Kind kind, unsigned steps, const char* tlb, uint64_t pool, bool tagged) {
  Totals totals;
  unsigned seed = 1;
  for (const unsigned levels : {4u, 5u}) {
    for (const bool large_window : {false, true}) {
      for (unsigned repeat = 0; repeat < 4; ++repeat) {
        Property p({kind, levels, tlb, pool, large_window, tagged, seed++});
        p.run(steps);
        for (const NamedCounter& c : p.paging->counters()) totals[c.name] += c.value;
      }
    }
  }
  return totals;
}

// A run that never took a path says nothing about it.
void require_used(const Totals& totals, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    INFO(name);
    REQUIRE(totals.count(name));
    REQUIRE(totals.at(name) > 0);
  }
}

constexpr auto kShadowPaths = {"shadow_large_fills", "shadow_split_fills",  "shadow_syncs",   "shadow_zaps",
                               "emulated_writes",    "unsync_faults",       "write_floods",   "root_hits",
                               "guest_page_faults",  "write_protect_faults", "device_accesses"};
constexpr auto kAgilePaths = {"agile_to_nested",   "agile_to_shadow", "agile_switch_fills", "agile_flag_updates",
                              "emulated_writes",   "shadow_zaps",     "root_hits",          "ept_violations",
                              "shadow_split_fills"};

}  // namespace

TEST_CASE("shadow paging translates as the guest's tables say", "[paging][shadow]") {
  require_used(run_all(Kind::kShadow, 6000, "none", kAmple, false), kShadowPaths);
}
TEST_CASE("shadow paging with TLBs", "[paging][shadow]") {
  require_used(run_all(Kind::kShadow, 6000, "skylake", kAmple, false), kShadowPaths);
}
TEST_CASE("shadow paging with PCIDs", "[paging][shadow]") {
  require_used(run_all(Kind::kShadow, 6000, "skylake", kAmple, true), kShadowPaths);
}
TEST_CASE("shadow paging that must reclaim", "[paging][shadow]") {
  require_used(run_all(Kind::kShadow, 4000, "skylake", kTight, true), {"shadow_reclaimed"});
}
TEST_CASE("nested paging translates as the guest's tables say", "[paging][nested]") {
  require_used(run_all(Kind::kNested, 6000, "none", kAmple, false), {"ept_violations", "ept_fills", "device_accesses"});
}
TEST_CASE("agile paging translates as the guest's tables say", "[paging][agile]") {
  require_used(run_all(Kind::kAgile, 6000, "none", kAmple, false), kAgilePaths);
}
TEST_CASE("agile paging with TLBs and PCIDs", "[paging][agile]") {
  require_used(run_all(Kind::kAgile, 6000, "skylake", kAmple, true), kAgilePaths);
}
TEST_CASE("agile paging that must reclaim", "[paging][agile]") {
  require_used(run_all(Kind::kAgile, 4000, "skylake", kTight, true), {"shadow_reclaimed"});
}
