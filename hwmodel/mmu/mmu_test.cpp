// The MMU's rules one by one: what TLB entries survive, when a cached entry is not believed, which pages get direct
// pointers in which view, and what the observer and the inspectors see.
#include "hwmodel/mmu/mmu.h"

#include <random>
#include <utility>

#include "hwmodel/machine/observer.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/tlb.h"
#include "hwmodel/mmu/walk_result.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

constexpr uint64_t kPage = 0x400000, kFrame = 0x80000;
constexpr uint64_t kPrw = bit::kP | bit::kRw, kPrwu = kPrw | bit::kUs;

struct Machine {
  PhysicalMemory memory = make_memory(4 << 20);
  CpuState cpu;
  Mmu mmu{cpu, memory};
  uint64_t next = 0x10000;
  TableBuilder a{memory, PagingMode::kFourLevel, next}, b{memory, PagingMode::kFourLevel, next};

  Machine() {
    enter(cpu, PagingMode::kFourLevel);
    cpu.cr0 |= cr0::kWp;
    cpu.cr4 |= cr4::kPge;
    cpu.cr3 = a.root();
    mmu.update_mode();
  }
  void use_pcids() {
    cpu.cr4 |= cr4::kPcide;
    switch_to(a, 1);
  }
  void switch_to(const TableBuilder& tables, uint16_t pcid) {
    cpu.cr3 = tables.root() | pcid;
    mmu.update_mode();
  }
  uint64_t walks_of(uint64_t linear, AccessKind kind = AccessKind::kRead) {
    const uint64_t before = mmu.counters.walks;
    (void)mmu.translate(linear, kind, false);
    return mmu.counters.walks - before;
  }
  bool fast(uint64_t linear) { return mmu.fast_entry(linear).read_tag == (linear & ~uint64_t{0xfff}); }
  bool fast_write(uint64_t linear) { return mmu.fast_entry(linear).write_tag == (linear & ~uint64_t{0xfff}); }
  void set_cpl(uint8_t cpl) {
    cpu.cpl = cpl;
    mmu.update_mode();
  }
  void set_ac(bool on) {
    cpu.system_flags = on ? cpu.system_flags | rflags::kAc : cpu.system_flags & ~rflags::kAc;
    mmu.update_mode();
  }
};

}  // namespace

TEST_CASE("mmu: with paging off addresses are their own, and directly reachable where RAM is", "[mmu]") {
  PhysicalMemory memory = make_memory(1 << 20);
  CpuState cpu;
  Mmu mmu(cpu, memory);
  REQUIRE(mmu.translate(0x1234, AccessKind::kWrite, false).physical == GuestPhysical(0x1234));
  REQUIRE(mmu.fast_entry(0x1234).write_tag == 0x1000);
  REQUIRE(0x1234 + mmu.fast_entry(0x1234).addend == reinterpret_cast<uint64_t>(memory.base()) + 0x1234);
  REQUIRE(mmu.translate(0xfee00000, AccessKind::kRead, false).ok);
  REQUIRE(mmu.fast_entry(0xfee00000).read_tag == FastEntry::kNone);
  REQUIRE(mmu.counters.l1_data_misses == 0);
  enter(cpu, PagingMode::kFourLevel);
  mmu.update_mode();
  REQUIRE(mmu.fast_entry(0x1234).read_tag == FastEntry::kNone);
}

TEST_CASE("mmu: a stale entry answers until it is flushed", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(kFrame));
  m.a.store(pte, 0x81000 | kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(kFrame));
  m.mmu.flush_page(kPage + 0xfff);
  REQUIRE_FALSE(m.fast(kPage));
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(0x81000));
}

TEST_CASE("mmu: a not-present page is never cached", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, bit::kRw);
  REQUIRE_FALSE(m.mmu.translate(kPage, AccessKind::kRead, false).ok);
  m.a.store(pte, kFrame | kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).ok);
}

TEST_CASE("mmu: the first write walks again to set the dirty flag, later writes do not", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, kPrw);
  REQUIRE(m.walks_of(kPage) == 1);
  REQUIRE((m.a.load(pte) & (bit::kA | bit::kD)) == bit::kA);
  REQUIRE(m.fast(kPage));
  REQUIRE_FALSE(m.fast_write(kPage));
  REQUIRE(m.walks_of(kPage, AccessKind::kWrite) == 1);
  REQUIRE(m.mmu.counters.rewalks == 1);
  REQUIRE(m.mmu.counters.l1_data_misses == 1);
  REQUIRE((m.a.load(pte) & bit::kD) != 0);
  REQUIRE(m.fast_write(kPage));
  REQUIRE(m.walks_of(kPage, AccessKind::kWrite) == 0);
  // A cleared dirty flag is set again only after a flush: the cached entry believes it is set.
  m.a.store(pte, m.a.load(pte) & ~bit::kD);
  REQUIRE(m.walks_of(kPage, AccessKind::kWrite) == 0);
  REQUIRE((m.a.load(pte) & bit::kD) == 0);
  m.mmu.flush_page(kPage);
  REQUIRE(m.walks_of(kPage, AccessKind::kWrite) == 1);
  REQUIRE((m.a.load(pte) & bit::kD) != 0);
}

TEST_CASE("mmu: a permission granted without a flush is found before a fault is raised", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, bit::kP);
  REQUIRE(m.walks_of(kPage) == 1);
  m.a.store(pte, kFrame | kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, false).ok);
  REQUIRE(m.mmu.counters.faults == 0);
  // The other way round: taken away without a flush it stays usable.
  m.a.store(pte, kFrame | bit::kP);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, false).ok);
}

TEST_CASE("mmu: a page fault forgets the page", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, bit::kP);
  REQUIRE(m.walks_of(kPage) == 1);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, false).error_code == 0b11);
  m.a.store(pte, 0x81000 | bit::kP);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(0x81000));
}

TEST_CASE("mmu: PCIDs keep address spaces apart, global pages join them", "[mmu]") {
  Machine m;
  m.use_pcids();
  for (TableBuilder* t : {&m.a, &m.b}) t->map(0x600000, 1, 0x90000, kPrw | bit::kG);
  m.a.map(kPage, 1, 0x80000, kPrw);
  m.b.map(kPage, 1, 0x81000, kPrw);
  REQUIRE(m.walks_of(kPage) == 1);
  REQUIRE(m.walks_of(0x600000) == 1);
  m.switch_to(m.b, 2);
  REQUIRE_FALSE(m.fast(kPage));
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(0x81000));
  REQUIRE(m.walks_of(0x600000) == 0);
  m.switch_to(m.a, 1);
  REQUIRE(m.walks_of(kPage) == 0);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).physical == GuestPhysical(0x80000));

  SECTION("flushing one PCID leaves the other and the global page") {
    m.mmu.flush_pcid(1, true);
    REQUIRE(m.walks_of(0x600000) == 0);
    REQUIRE(m.walks_of(kPage) == 1);
    m.switch_to(m.b, 2);
    REQUIRE(m.walks_of(kPage) == 0);
  }
  SECTION("flushing one PCID with its global pages") {
    m.mmu.flush_pcid(1, false);
    REQUIRE(m.walks_of(0x600000) == 1);
  }
  SECTION("MOV CR3 flushes the current PCID only") {
    m.mmu.flush_non_global();
    REQUIRE(m.walks_of(kPage) == 1);
    REQUIRE(m.walks_of(0x600000) == 0);
    m.switch_to(m.b, 2);
    REQUIRE(m.walks_of(kPage) == 0);
  }
  SECTION("INVLPG flushes the page here and, if global, everywhere") {
    m.mmu.flush_page(kPage);
    m.mmu.flush_page(0x600000);
    REQUIRE(m.walks_of(kPage) == 1);
    REQUIRE(m.walks_of(0x600000) == 1);
    m.switch_to(m.b, 2);
    REQUIRE(m.walks_of(kPage) == 0);
  }
  SECTION("INVPCID of one address of another PCID") {
    m.mmu.flush_page(kPage, 2);
    REQUIRE(m.walks_of(kPage) == 0);
    m.mmu.flush_page(0x600000, 1);
    REQUIRE(m.walks_of(0x600000) == 0);  // not global ones
    m.switch_to(m.b, 2);
    REQUIRE(m.walks_of(kPage) == 1);
  }
  SECTION("INVPCID of all but global") {
    m.mmu.flush_all_pcids_non_global();
    REQUIRE(m.walks_of(0x600000) == 0);
    REQUIRE(m.walks_of(kPage) == 1);
    m.switch_to(m.b, 2);
    REQUIRE(m.walks_of(kPage) == 1);
  }
  SECTION("everything") {
    m.mmu.flush_all();
    REQUIRE_FALSE(m.fast(0x600000));
    REQUIRE(m.walks_of(0x600000) == 1);
    REQUIRE(m.walks_of(kPage) == 1);
  }
  SECTION("a VPID has its own entries, global ones too") {
    m.mmu.set_vpid(7);
    REQUIRE_FALSE(m.fast(kPage));
    REQUIRE(m.walks_of(kPage) == 1);
    REQUIRE(m.walks_of(0x600000) == 1);
    m.mmu.flush_all();
    m.mmu.set_vpid(0);
    REQUIRE(m.walks_of(kPage) == 0);
    REQUIRE(m.walks_of(0x600000) == 0);
  }
}

TEST_CASE("mmu: G means nothing without CR4.PGE", "[mmu]") {
  Machine m;
  m.cpu.cr4 &= ~cr4::kPge;
  m.mmu.update_mode();
  m.a.map(kPage, 1, kFrame, kPrw | bit::kG);
  REQUIRE(m.walks_of(kPage) == 1);
  m.mmu.flush_non_global();
  REQUIRE(m.walks_of(kPage) == 1);
}

TEST_CASE("mmu: INVLPG of a large page forgets all of it", "[mmu]") {
  Machine m;
  m.a.map(0x40000000, 3, 0, kPrw);  // 1 GiB
  m.a.map(0x200000, 2, 0, kPrw);    // 2 MiB
  SECTION("held whole") { m.mmu.set_tlb_profile(*find_tlb_profile("skylake")); }
  SECTION("held in pieces") {
    m.mmu.set_tlb_profile({.name = "pieces",
                           .source = "test",
                           .arrays = {{"L1", 1, TlbServes::kBoth, {true, false, false}, 64, 4}},
                           .walk_cache = {},
                           .nested_tlb = 0});
  }
  for (const uint64_t linear : {0x40000000ull, 0x40001000ull, 0x40200000ull, 0x200000ull, 0x201000ull})
    (void)m.walks_of(linear);
  for (const uint64_t linear : {0x40000000ull, 0x40001000ull, 0x40200000ull, 0x200000ull, 0x201000ull}) {
    REQUIRE(m.walks_of(linear) == 0);
    REQUIRE(m.fast(linear));
  }
  m.mmu.flush_page(0x7fffffff);
  for (const uint64_t linear : {0x40000000ull, 0x40001000ull, 0x40200000ull}) REQUIRE_FALSE(m.fast(linear));
  REQUIRE(m.walks_of(0x40200000) == 1);
  REQUIRE(m.walks_of(0x200000) == 0);
  m.mmu.flush_page(0x3ff000);
  REQUIRE_FALSE(m.fast(0x201000));
  REQUIRE(m.walks_of(0x201000) == 1);
}

TEST_CASE("mmu: SMAP views: AC opens user pages to the kernel, and only while it is set", "[mmu]") {
  Machine m;
  m.cpu.cr4 |= cr4::kSmap | cr4::kSmep;
  m.mmu.update_mode();
  m.a.map(kPage, 1, kFrame, kPrwu);
  m.a.map(0x600000, 1, 0x90000, kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, AccessMode::kSupervisor).error_code == 0b1);
  m.set_ac(true);
  REQUIRE(m.mmu.view() == View::kKernelAc);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, AccessMode::kSupervisor).ok);
  REQUIRE(m.fast_write(kPage));
  // Implicit accesses are not exempted by AC [SDM 3A 4.6.1].
  REQUIRE_FALSE(m.mmu.translate(kPage, AccessKind::kRead, AccessMode::kSupervisorImplicit).ok);
  m.set_ac(false);
  REQUIRE_FALSE(m.fast(kPage));
  REQUIRE_FALSE(m.mmu.translate(kPage, AccessKind::kRead, AccessMode::kSupervisor).ok);
  m.set_cpl(3);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, AccessMode::kUser).ok);
  REQUIRE(m.fast(kPage));
  // A system access at CPL 3 reaches supervisor pages but opens nothing to the user.
  REQUIRE(m.mmu.translate(0x600000, AccessKind::kRead, false).ok);
  REQUIRE_FALSE(m.fast(0x600000));
  REQUIRE_FALSE(m.mmu.translate(0x600000, AccessKind::kRead, true).ok);
}

TEST_CASE("mmu: alignment checks and data breakpoints keep every access on the slow path", "[mmu]") {
  Machine m;
  m.a.map(kPage, 1, kFrame, kPrwu);
  m.cpu.cr0 |= cr0::kAm;
  m.set_cpl(3);
  REQUIRE(m.mmu.view() == View::kUser);
  m.set_ac(true);
  REQUIRE(m.mmu.view() == View::kNoFast);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, true).ok);
  REQUIRE_FALSE(m.fast(kPage));
  m.set_cpl(0);
  REQUIRE(m.mmu.view() == View::kKernel);
  m.set_ac(false);
  struct Case {
    uint64_t dr7;
    View view;
  };
  for (const Case c :
       {Case{0x401, View::kKernel}, Case{0x10401, View::kNoFast}, Case{0x10400, View::kKernel},
        Case{0x30402, View::kNoFast}, Case{0xf0000480, View::kNoFast}, Case{0xc0000480, View::kKernel}}) {
    INFO(std::hex << c.dr7);
    m.cpu.dr7 = c.dr7;
    m.mmu.update_mode();
    REQUIRE(m.mmu.view() == c.view);
  }
}

TEST_CASE("mmu: pages with decoded code are never directly writable", "[mmu]") {
  Machine m;
  m.a.map(kPage, 1, kFrame, kPrwu);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, false).ok);
  REQUIRE(m.fast_write(kPage));
  m.set_cpl(3);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, true).ok);
  uint8_t* host = m.memory.host(GuestPhysical(kFrame));
  m.memory.page_flags(host) |= PhysicalMemory::kHasCode;
  m.mmu.forbid_fast_writes(host);
  REQUIRE(m.fast(kPage));
  REQUIRE_FALSE(m.fast_write(kPage));
  REQUIRE(m.mmu.translate(kPage, AccessKind::kWrite, true).ok);
  REQUIRE_FALSE(m.fast_write(kPage));
  m.set_cpl(0);
  REQUIRE_FALSE(m.fast_write(kPage));
}

TEST_CASE("mmu: fetch generation moves when a handed-out translation may be stale, and only then", "[mmu]") {
  Machine m;
  m.a.map(kPage, 1, kFrame, kPrwu);
  m.a.map(0x600000, 1, 0x90000, kPrw);
  REQUIRE(m.mmu.translate(kPage, AccessKind::kFetch, false).ok);
  uint64_t generation = m.mmu.fetch_generation();
  const auto moved = [&] { return std::exchange(generation, m.mmu.fetch_generation()) != m.mmu.fetch_generation(); };
  m.set_cpl(3);
  m.set_cpl(0);
  REQUIRE_FALSE(moved());
  REQUIRE(m.walks_of(0x600000) == 1);  // a data miss
  REQUIRE_FALSE(moved());
  m.mmu.flush_page(0x600000);
  REQUIRE_FALSE(moved());
  m.cpu.cr0 ^= cr0::kTs;
  m.mmu.update_mode();
  REQUIRE_FALSE(moved());
  m.mmu.flush_page(kPage);
  REQUIRE(moved());
  REQUIRE(m.mmu.translate(kPage, AccessKind::kFetch, false).ok);
  m.cpu.cr4 |= cr4::kSmep;
  m.mmu.update_mode();
  REQUIRE(moved());
}

TEST_CASE("mmu: peeking changes nothing", "[mmu]") {
  Machine m;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, kPrw);
  const uint64_t before = m.a.load(pte);
  REQUIRE(m.mmu.peek(kPage, AccessKind::kWrite, false).physical == GuestPhysical(kFrame));
  REQUIRE_FALSE(m.mmu.peek(0x12345000, AccessKind::kRead, false).ok);
  WalkResult walk;
  m.mmu.peek_walk(kPage + 5, AccessKind::kWrite, AccessMode::kSupervisor, walk);
  REQUIRE(walk.references() == 4);
  REQUIRE(walk.physical == HostPhysical(kFrame + 5));
  REQUIRE(m.a.load(pte) == before);
  REQUIRE(m.mmu.counters.walks == 0);
  REQUIRE(m.mmu.counters.faults == 0);
  REQUIRE_FALSE(m.fast(kPage));
  REQUIRE(m.walks_of(kPage) == 1);
}

TEST_CASE("mmu: a walk's record lists every reference in order with the flags it wrote", "[mmu]") {
  struct Watcher : Observer {
    bool wants_walks() const override { return true; }
    void on_walk(const WalkResult& w) override {
      ++count;
      last = w;
    }
    unsigned count = 0;
    WalkResult last;
  } watcher;
  Machine m;
  m.mmu.observer = &watcher;
  const uint64_t pte = m.a.map(kPage, 1, kFrame, kPrw);
  REQUIRE(m.mmu.translate(kPage + 8, AccessKind::kWrite, false).ok);
  REQUIRE(watcher.count == 1);
  const WalkResult& w = watcher.last;
  REQUIRE(w.references() == 4);
  for (unsigned i = 0; i < 4; ++i) {
    REQUIRE(w.steps[i].level == 4 - i);
    REQUIRE(w.steps[i].address.value == m.a.entry_address(kPage, 4 - i, 0));
    REQUIRE(w.steps[i].table == TableKind::kGuest);
    REQUIRE(w.steps[i].set_accessed == (i == 3));  // the builder made the upper entries accessed
    REQUIRE(w.steps[i].set_dirty == (i == 3));
  }
  REQUIRE(w.steps[3].address.value == pte);
  REQUIRE(w.steps[3].entry == (kFrame | kPrw));
  REQUIRE(w.physical == HostPhysical(kFrame + 8));
  REQUIRE(w.page_shift == 12);
  (void)m.mmu.translate(kPage + 16, AccessKind::kRead, false);
  REQUIRE(watcher.count == 1);
}

TEST_CASE("mmu: tables outside RAM fault, and the walk ends", "[mmu]") {
  Machine m;
  m.cpu.cr3 = 0x3000000000;
  m.mmu.update_mode();
  REQUIRE(m.mmu.translate(kPage, AccessKind::kRead, false).error_code == 0b1001);  // all ones: reserved bits
  REQUIRE(m.mmu.counters.walk_references == 1);
}

TEST_CASE("mmu: a table that maps itself is walked to its end", "[mmu]") {
  Machine m;
  m.a.store(m.a.root() + 511 * 8, m.a.root() | kPrw);
  REQUIRE(m.mmu.translate(0xfffffffffffff000, AccessKind::kWrite, false).physical == GuestPhysical(m.a.root()));
  REQUIRE(m.a.load(m.a.root() + 511 * 8) == (m.a.root() | kPrw | bit::kA | bit::kD));
}

TEST_CASE("mmu: edits followed by their flush are seen like a walk at every access", "[mmu][property]") {
  Machine m;
  std::mt19937 random(5);
  uint64_t pte[64];
  for (unsigned i = 0; i < 64; ++i) pte[i] = m.a.map(kPage + i * 4096, 1, kFrame, 0);
  for (unsigned step = 0; step < 50000; ++step) {
    const unsigned i = random() % 64;
    const uint64_t linear = kPage + i * 4096 + random() % 4096;
    if (random() % 8 == 0) {
      m.a.store(pte[i], (0x80000 + (random() % 64) * 4096) | (random() & (kPrwu | bit::kA | bit::kD | bit::kG)));
      m.mmu.flush_page(linear);
    }
    if (random() % 64 == 0) m.set_cpl(random() % 2 ? 3 : 0);
    const bool user = m.cpu.cpl == 3;
    const AccessKind kind = static_cast<AccessKind>(random() % 3);
    WalkResult walk;
    m.mmu.peek_walk(linear, kind, user ? AccessMode::kUser : AccessMode::kSupervisor, walk);
    const FastEntry& e = m.mmu.fast_entry(linear);
    if (kind != AccessKind::kFetch && (kind == AccessKind::kWrite ? e.write_tag : e.read_tag) == (linear & ~0xfffull)) {
      if (walk.outcome != WalkOutcome::kTranslated) FAIL("allowed what faults");
      if (reinterpret_cast<uint8_t*>(linear + e.addend) != m.memory.host(GuestPhysical(walk.physical.value)))
        FAIL("leads elsewhere");
    } else {
      const Translation t = m.mmu.translate(linear, kind, user);
      if (t.ok != (walk.outcome == WalkOutcome::kTranslated) || t.error_code != walk.error_code ||
          t.physical.value != walk.physical.value)
        FAIL("differs");
    }
  }
  REQUIRE(m.mmu.counters.faults > 0);
}
