// Shadow paging rule by rule, on tables made by hand: fills, flags, syncs, protection, roots, splits, CR0.WP, hostile tables, too small a pool.
#include "vmm/paging/shadow_paging.h"

#include "tests/catch.h"
#include "vmm/testing/paged_guest.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

using Guest = PagedGuest<ShadowPaging>;
constexpr uint64_t kA = 0x40'0000'0000, kB = kA + (1 << 21);  // neighbours in one directory
constexpr uint64_t kData = 0x800000;

}  // namespace

TEST_CASE("shadow: a filled translation costs native's references", "[paging][shadow]") {
  Guest g("none");
  g.tables.map(kA, 1, kData, kUserRw);
  g.tables.map(kA + (1 << 30), 2, 0xa00000, kUserRw);
  g.start();
  REQUIRE(g.access(kA, Guest::kRead).physical == kData);
  REQUIRE(g.references(kA) == 4);
  WalkResult walk;
  g.guest.cpu.mmu.peek_walk(kA, Guest::kRead, Guest::kKernel, walk);
  for (unsigned i = 0; i < 4; ++i) REQUIRE(walk.steps[i].table == TableKind::kShadow);
  REQUIRE(g.access(kA + (1 << 30)).physical == 0xa00000);
  REQUIRE(g.references(kA + (1 << 30)) == 3);  // the large page is mapped whole
  REQUIRE(g.count("shadow_large_fills") == 1);
  const uint64_t exits = g.exits;
  for (int i = 0; i < 10; ++i) g.access(kA);
  REQUIRE(g.exits == exits);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: the first write sets the guest's dirty flag, the first access its accessed flags", "[paging][shadow]") {
  Guest g("skylake");
  const uint64_t entry = g.tables.map(kA, 1, kData, kUserRw);
  g.start();
  g.access(kA);
  REQUIRE((g.word(entry) & (bit::kA | bit::kD)) == bit::kA);
  REQUIRE((g.word(g.tables.root() + (kA >> 39 & 511) * 8) & bit::kA));
  g.access(kA, Guest::kWrite);
  REQUIRE((g.word(entry) & bit::kD));
  const uint64_t exits = g.exits;
  g.access(kA, Guest::kWrite);
  REQUIRE(g.exits == exits);
  // The guest cleans the page and invalidates: the next write is seen again.
  g.store(entry, g.word(entry) & ~bit::kD);
  g.invlpg(kA);
  g.access(kA, Guest::kWrite);
  REQUIRE((g.word(entry) & bit::kD));
  REQUIRE(g.agree);
}

TEST_CASE("shadow: the injected error code is the guest's, not the shadow entry's", "[paging][shadow]") {
  Guest g("none");
  g.tables.map(kA, 1, kData, bit::kP | bit::kUs);
  g.start();
  // The shadow entry is missing, so the hardware says "not present"; the guest's entry is there and read-only.
  REQUIRE(g.access(kA, Guest::kWrite, Guest::kUser).error == 7);
  REQUIRE(g.access(kA + kPageSize, Guest::kRead, Guest::kUser).error == 4);
  REQUIRE(g.count("guest_page_faults") == 2);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: a written page table goes unsync, and is synced by INVLPG and CR3 loads", "[paging][shadow]") {
  Guest g("skylake");
  const uint64_t entry = g.tables.map(kA, 1, kData, kUserRw);
  g.tables.map(kA + kPageSize, 1, kData + kPageSize, kUserRw);
  g.start();
  g.access(kA);
  g.access(kA + kPageSize);
  g.store(entry, (kData + 0x5000) | kUserRw | bit::kA);
  REQUIRE(g.count("unsync_tables") == 1);
  REQUIRE(g.count("write_protect_faults") == 1);
  const uint64_t exits = g.exits;
  g.store(entry + 8, (kData + 0x6000) | kUserRw | bit::kA);  // no exit: that is what unsync is for
  REQUIRE(g.exits == exits);
  REQUIRE(g.emulated == 0);
  g.invlpg(kA);
  REQUIRE(g.access(kA).physical == kData + 0x5000);
  REQUIRE(g.count("unsync_tables") == 1);
  g.load_cr3(g.tables.root(), false);
  REQUIRE(g.count("unsync_tables") == 0);
  REQUIRE(g.access(kA + kPageSize).physical == kData + 0x6000);
  g.store(entry, kData | kUserRw | bit::kA);  // protected again
  REQUIRE(g.count("write_protect_faults") == 2);
  REQUIRE(g.monitor_paging().tables().consistent());
}

TEST_CASE("shadow: nothing stale is seen at a place an unsync table newly appears at", "[paging][shadow]") {
  Guest g("skylake");
  const uint64_t entry = g.tables.map(kA, 1, kData, kUserRw);
  g.start();
  g.access(kA);
  g.store(entry, (kData + 0x5000) | kUserRw);  // unsync; kA is not invalidated
  g.store(g.entry_of(kA, 2) + 8, g.table_of(kA, 1) | kUserRw);
  REQUIRE(g.access(kB).physical == kData + 0x5000);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: writes to upper tables are emulated and seen at once", "[paging][shadow]") {
  Guest g("skylake");
  g.tables.map(kA, 1, kData, kUserRw);
  g.tables.map(kB, 1, kData + 0x3000, kUserRw);
  g.start();
  g.access(kA);
  const uint64_t directory = g.entry_of(kA, 2);
  g.store(directory, g.table_of(kB, 1) | kUserRw | bit::kA);
  REQUIRE(g.emulated == 1);
  g.invlpg(kA);
  REQUIRE(g.access(kA).physical == kData + 0x3000);
  g.store(directory, 0);
  g.invlpg(kA);
  REQUIRE(g.access(kA, Guest::kRead, Guest::kUser).error == 4);
  REQUIRE(g.agree);
  REQUIRE(g.monitor_paging().tables().consistent());
}

TEST_CASE("shadow: a page becomes a table while a TLB holds it writable", "[paging][shadow]") {
  Guest g("skylake");
  const uint64_t fresh = 0xc00000;
  g.tables.map(kA, 1, kData, kUserRw);
  g.tables.map(kA + (1ull << 30), 1, kData, kUserRw);
  g.start();
  g.store(fresh, kData | kUserRw);  // not a table yet: writable in the TLB
  g.access(kA);
  g.store(g.entry_of(kA, 2) + 8, fresh | kUserRw);
  g.access(kB);
  const uint64_t exits = g.exits;
  g.store(fresh, (kData + 0x1000) | kUserRw);
  REQUIRE(g.exits == exits + 1);
  g.invlpg(kB);
  REQUIRE(g.access(kB).physical == kData + 0x1000);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: a former upper table that is written as data is given up", "[paging][shadow]") {
  Guest g("skylake");
  g.tables.map(kA, 1, kData, kUserRw);
  hw::testing::TableBuilder other(g.guest.memory, PagingMode::kFourLevel, g.next_table);
  other.store(other.root() + 256 * 8, g.tables.load(g.tables.root() + 256 * 8));
  g.start();
  g.access(kA);
  g.load_cr3(other.root(), false);
  g.access(Guest::kWindow);
  for (unsigned i = 0; i < 10; ++i) g.store(g.tables.root() + 8 * i, 0x1234);
  REQUIRE(g.count("write_floods") == 1);
  REQUIRE(g.emulated < 5);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: roots are found again", "[paging][shadow]") {
  Guest g("skylake");
  g.tables.map(kA, 1, kData, kUserRw);
  hw::testing::TableBuilder other(g.guest.memory, PagingMode::kFourLevel, g.next_table);
  other.map(kA, 1, kData + 0x1000, kUserRw);
  g.start();
  for (unsigned i = 0; i < 5; ++i) {
    REQUIRE(g.access(kA).physical == kData);
    g.load_cr3(other.root(), false);
    REQUIRE(g.access(kA).physical == kData + 0x1000);
    g.load_cr3(g.tables.root(), false);
  }
  REQUIRE(g.count("root_misses") == 2);
  REQUIRE(g.count("root_hits") == 9);
  REQUIRE(g.count("shadow_page_faults") == 2);
}

TEST_CASE("shadow: a large page that holds a table is split, and whole again is not needed", "[paging][shadow]") {
  Guest g("skylake");
  const uint64_t large = 0x200000;  // no tables there yet
  g.tables.map(kA, 2, large, kUserRw);
  g.tables.map(kA + (1ull << 31), 1, kData, kUserRw);
  g.start();
  g.access(kA, Guest::kWrite);
  REQUIRE(g.count("shadow_large_fills") == 1);
  // A page of it becomes a page table of the guest.
  g.store(large + 0x3000, kData | kUserRw);
  g.store(g.entry_of(kA + (1ull << 31), 2) + 8, (large + 0x3000) | kUserRw);
  REQUIRE(g.access(kA + (1ull << 31) + (1 << 21)).physical == kData);
  REQUIRE(g.access(kA + 0x5123, Guest::kWrite).physical == large + 0x5123);
  REQUIRE(g.count("shadow_split_fills") > 0);
  const uint64_t faults = g.count("write_protect_faults");
  g.access(kA + 0x3000, Guest::kWrite);
  REQUIRE(g.count("write_protect_faults") == faults + 1);
  REQUIRE(g.agree);
  REQUIRE(g.monitor_paging().tables().consistent());
}

TEST_CASE("shadow: while CR0.WP is clear the supervisor writes read-only pages, users do not", "[paging][shadow]") {
  Guest g("skylake");
  g.tables.map(kA, 1, kData, bit::kP | bit::kUs);
  g.tables.map(kB, 1, kData + 0x1000, bit::kP);
  g.start();
  g.set_mode([](CpuState& cpu) { cpu.cr0 &= ~cr0::kWp; });
  REQUIRE(g.access(kA, Guest::kWrite).kind == Outcome::Kind::kRam);
  REQUIRE(g.access(kA, Guest::kWrite, Guest::kUser).error == 7);
  REQUIRE(g.access(kB, Guest::kWrite).kind == Outcome::Kind::kRam);
  const uint64_t exits = g.exits;
  REQUIRE(g.access(kB, Guest::kWrite).kind == Outcome::Kind::kRam);
  REQUIRE(g.exits == exits);
  g.set_mode([](CpuState& cpu) { cpu.cr0 |= cr0::kWp; });
  REQUIRE(g.access(kA, Guest::kWrite).error == 3);
  REQUIRE(g.access(kB, Guest::kWrite).error == 3);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: tables in the monitor's memory, at themselves and outside RAM are the guest's own problem", "[paging][shadow]") {
  Guest g("none");
  const uint64_t pool = PhysicalMemory::kMonitorStart;
  g.tables.map(kA, 1, pool + 0x2000, kUserRw);                      // a page of the monitor
  g.tables.store(g.entry_of(kB, 2), pool | kUserRw);                // a table of the monitor
  g.tables.store(g.entry_of(kA + (1ull << 31), 3), 0xd0000000 | kUserRw);
  g.tables.store(g.tables.root() + 8 * 3, g.tables.root() | kKernelRw);  // itself, at every level
  g.start();
  REQUIRE(g.access(kA, Guest::kWrite).kind == Outcome::Kind::kDevice);
  REQUIRE(g.access(kB).error == 9);
  REQUIRE(g.access(kA + (1ull << 31)).error == 9);
  const uint64_t self = 3ull << 39 | 3ull << 30 | 3ull << 21 | 3ull << 12;
  REQUIRE(g.access(self + 8 * 5, Guest::kWrite).physical == g.tables.root() + 8 * 5);
  REQUIRE(g.emulated == 1);
  for (const uint64_t cr3 : {pool, uint64_t{0xfee00000}, uint64_t{0xff'ffff'f000}}) {
    g.load_cr3(cr3, false);
    REQUIRE(g.access(kA).error == 9);
  }
  REQUIRE_FALSE(g.escaped);
  REQUIRE(g.agree);
}

TEST_CASE("shadow: a pool that cannot hold one instruction's tables is refused", "[paging][shadow]") {
  auto memory = std::move(PhysicalMemory::create(16 << 20, 4 << 20).value());
  const HostPhysical first(PhysicalMemory::kMonitorStart);
  MonitorMemory one(memory, first, kPageSize);
  const auto refused = ShadowPaging::create(one);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().code == ExitCode::kUsage);
  REQUIRE(refused.error().message.find("4 KiB") != std::string::npos);
  const uint64_t needed = ShadowPaging::minimum_pages(one);
  MonitorMemory almost(memory, first, (needed - 1) * kPageSize);
  REQUIRE_FALSE(ShadowPaging::create(almost));
  MonitorMemory enough(memory, first, needed * kPageSize);
  REQUIRE(ShadowPaging::create(enough));
  REQUIRE(enough.used_pages() == 0);  // it gave everything back
}
