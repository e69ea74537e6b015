// Random accesses, page-table edits, flushes and mode changes: the MMU, used as the interpreter uses it (direct
// pointers first), against a list-based TLB without any. Every result and every counter must be equal at every step.
#include <cstring>
#include <map>
#include <random>
#include <sstream>
#include <vector>

#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/reference_tlb.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/tlb.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

constexpr uint64_t kRam = 16 << 20;

struct Mapped {
  uint64_t linear;
  unsigned level;
};

class Twin {
 public:
  Twin(PagingMode mode, const TlbProfile& profile, unsigned seed)
      : random_(seed),
        mode_(mode),
        memory_(make_memory(kRam)),
        shadow_(make_memory(kRam)),
        mmu_(cpu_, memory_),
        reference_(cpu_, shadow_, profile) {
    mmu_.set_tlb_profile(profile);
    enter(cpu_, mode);
    cpu_.cr0 |= cr0::kWp;
    cpu_.cr4 |= cr4::kPge | cr4::kSmap | cr4::kSmep;
    if (mode != PagingMode::kLegacy32) cpu_.efer |= efer::kNxe;
    if (long_mode()) cpu_.cr4 |= cr4::kPcide;
    lay_out();
    std::memcpy(shadow_.base(), memory_.base(), kRam);
    cpu_.cr3 = roots_[0];
    mmu_.update_mode();
    mmu_.flush_all();
    reference_.flush_all();
  }

  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      step_ = i;
      const unsigned dice = random_() % 1000;
      if (dice < 960)
        access();
      else if (dice < 970)
        edit(random_() % 2 == 0);
      else if (dice < 985)
        change_mode();
      else
        flush();
      if (i % 64 == 0) compare_memory();
    }
    compare_memory();
    check(fast_hits > 0, "the fast path was never taken");
  }
  uint64_t fast_hits = 0;

 private:
  bool long_mode() const { return mode_ == PagingMode::kFourLevel || mode_ == PagingMode::kFiveLevel; }

  void lay_out() {
    uint64_t next = 0x100000;
    for (unsigned space = 0; space < (long_mode() ? 3u : 1u); ++space) {
      TableBuilder& tables = spaces_.emplace_back(memory_, mode_, next);
      roots_.push_back(tables.root() | (long_mode() ? space + 1 : 0));
      if (space == 0) choose_pages();
      for (size_t n = 0; n < pages_.size(); ++n) {
        const uint64_t address = tables.map(pages_[n].linear, pages_[n].level, 0, 0);
        tables.store(address, space > 0 && is_global(n) ? spaces_[0].load(leaves_[n]) : new_word(n));
        leaves_.push_back(address);
      }
    }
  }
  void choose_pages() {
    const uint64_t user = 0x400000, kernel = long_mode() ? 0xffff888000000000 : 0xc0000000,
                   far = mode_ == PagingMode::kFiveLevel ? 0x0012345000000000 : 0x10000000;
    for (unsigned i = 0; i < 90; ++i) pages_.push_back({user + i * 4096, 1});
    for (unsigned i = 0; i < 60; ++i) pages_.push_back({far + i * 512 * 4096 * 16, 1});  // all in few sets
    for (unsigned i = 0; i < 40; ++i)
      pages_.push_back({kernel + (uint64_t{i} << (mode_ == PagingMode::kLegacy32 ? 22 : 21)) % 0x30000000, 2});
    if (long_mode()) {
      for (unsigned i = 0; i < 6; ++i) pages_.push_back({0xffff900000000000 + (uint64_t{i} << 30), 3});
    }
  }
  uint64_t frame(unsigned level) {
    if (level == 3) return 0;
    if (level == 2) return mode_ == PagingMode::kLegacy32 ? (random_() % 4) << 22 : (random_() % 8) << 21;
    return 0x800000 + ((random_() % 0x700) << 12) + (random_() % 16 == 0 ? 0xb0000000 : 0);  // a few are not RAM
  }
  // A global page is global for good, and the same in all address spaces: what a processor does otherwise is undefined.
  static bool is_global(size_t page) { return page % 4 == 0; }
  uint64_t leaf_bits() {
    uint64_t b = 0;
    if (random_() % 32) b |= bit::kP;
    if (random_() % 4) b |= bit::kRw;
    if (random_() % 2) b |= bit::kUs;
    if (random_() % 2) b |= bit::kA;
    if (random_() % 3 == 0) b |= bit::kD;
    if (mode_ != PagingMode::kLegacy32 && random_() % 4 == 0) b |= bit::kNx;
    return b;
  }

  uint64_t new_word(size_t n) {
    const unsigned level = pages_[n].level;
    return frame(level) | leaf_bits() | (level > 1 ? bit::kPs : 0) | (is_global(n) ? bit::kG : 0);
  }

  uint64_t some_address() {
    // Mostly a small working set, so that the first level both hits and misses.
    const size_t n = random_() % 4 ? random_() % 12 + window_ % (pages_.size() - 12) : random_() % pages_.size();
    if (random_() % 512 == 0) window_ = static_cast<unsigned>(random_());
    const Mapped& page = pages_[n];
    const unsigned bits = mode_ == PagingMode::kLegacy32 ? 10 : 9;
    const unsigned shift = 12 + bits * (page.level - 1);
    uint64_t offset = random_() & ((uint64_t{1} << shift) - 1);
    if (random_() % 2) offset &= 0x3fff;
    return page.linear + (offset & ~uint64_t{7});
  }

  void access() {
    const uint64_t linear = some_address();
    const unsigned dice = random_() % 8;
    const AccessKind kind = dice < 4 ? AccessKind::kRead : dice < 7 ? AccessKind::kWrite : AccessKind::kFetch;
    AccessMode mode = cpu_.cpl == 3 ? AccessMode::kUser : AccessMode::kSupervisor;
    if (kind != AccessKind::kFetch && random_() % 16 == 0) mode = AccessMode::kSupervisorImplicit;
    const Translation expected = reference_.access(linear, kind, mode);
    if (kind == AccessKind::kFetch)
      fetch(linear, mode, expected);
    else
      data(linear, kind, mode, expected);
    compare_counters();
  }

  // As exec/access.h does it: one compare, else translate.
  void data(uint64_t linear, AccessKind kind, AccessMode mode, const Translation& expected) {
    if (mode != AccessMode::kSupervisorImplicit) {
      const FastEntry& e = mmu_.fast_entry(linear);
      const uint64_t tag = kind == AccessKind::kWrite ? e.write_tag : e.read_tag;
      if (tag == (linear & ~uint64_t{0xfff})) {
        ++fast_hits;
        check(expected.ok, "the fast path allowed what faults");
        auto* host = reinterpret_cast<uint8_t*>(linear + e.addend);
        check(host == memory_.host(expected.physical), "the fast path leads elsewhere");
        if (kind == AccessKind::kWrite)
          check(!(memory_.page_flags(host) & PhysicalMemory::kHasCode), "a direct write to a code page");
        return;
      }
    }
    const Translation peeked = mmu_.peek(linear, kind, mode);
    compare(peeked, expected, "peek");
    compare(mmu_.translate(linear, kind, mode), expected, "translate");
  }

  // As the block cache does it: a page looked up in this generation at this CPL need not be looked up again.
  void fetch(uint64_t linear, AccessMode mode, const Translation& expected) {
    Remembered& r = remembered_[{linear >> 12, cpu_.cpl}];
    if (r.generation == mmu_.fetch_generation()) {
      check(expected.ok && expected.physical.value == (r.page | (linear & 0xfff)), "a remembered fetch is stale");
      return;
    }
    const Translation got = mmu_.translate(linear, AccessKind::kFetch, mode);
    compare(got, expected, "fetch");
    if (!got.ok) return;
    r = {mmu_.fetch_generation(), got.physical.value & ~uint64_t{0xfff}};
    if (uint8_t* host = memory_.host(GuestPhysical(r.page)); host && random_() % 4 == 0) {
      memory_.page_flags(host) |= PhysicalMemory::kHasCode;
      mmu_.forbid_fast_writes(host);
    }
  }

  void edit(bool flushed) {
    const size_t n = random_() % pages_.size();
    const Mapped& page = pages_[n];
    const uint64_t word = new_word(n);
    const size_t only = random_() % spaces_.size();
    for (size_t space = 0; space < spaces_.size(); ++space) {
      if (!is_global(n) && space != only) continue;
      const uint64_t address = leaves_[space * pages_.size() + n];
      spaces_[space].store(address, word);
      std::memcpy(shadow_.base() + address, memory_.base() + address, spaces_[space].shape().entry_size);
    }
    if (!flushed) return;  // both must show the same stale translation
    const uint64_t at = page.linear + (random_() & 0x1fffff & ((1ull << (12 + 9 * (page.level - 1))) - 1));
    mmu_.flush_page(at);
    reference_.flush_page(at);
  }

  void change_mode() {
    switch (random_() % 6) {
      case 0:
        cpu_.cpl = random_() % 2 ? 3 : 0;
        break;
      case 1:
        cpu_.system_flags ^= rflags::kAc;
        break;
      case 2:
        cpu_.cr0 ^= cr0::kWp;
        break;
      case 3:
        cpu_.cr0 ^= cr0::kTs;
        break;
      case 4:
        cpu_.dr7 = random_() % 4 ? 0x400 : 0x10401;
        break;
      case 5:
        cpu_.cr3 = roots_[random_() % roots_.size()];
        break;  // not flushed
    }
    mmu_.update_mode();
  }

  void flush() {
    const uint64_t linear = some_address();
    const auto pcid = static_cast<uint16_t>(random_() % 4);
    switch (random_() % 6) {
      case 0:
        mmu_.flush_all();
        reference_.flush_all();
        break;
      case 1:
        mmu_.flush_non_global();
        reference_.flush_pcid(current_pcid(cpu_));
        break;
      case 2:
        mmu_.flush_page(linear);
        reference_.flush_page(linear);
        break;
      case 3:
        mmu_.flush_page(linear, pcid);
        reference_.flush_page(linear, pcid);
        break;
      case 4:
        mmu_.flush_pcid(pcid, true);
        reference_.flush_pcid(pcid);
        break;
      case 5:
        mmu_.flush_all_pcids_non_global();
        reference_.flush_all_pcids_non_global();
        break;
    }
  }

  void compare(const Translation& got, const Translation& expected, const char* what) {
    check(got.ok == expected.ok && got.error_code == expected.error_code && got.physical == expected.physical, what);
  }
  void compare_counters() {
    const MmuCounters &a = mmu_.counters, &b = reference_.counters;
    check(a.l1_data_misses == b.l1_data_misses, "l1_data_misses");
    check(a.l1_fetch_misses == b.l1_fetch_misses, "l1_fetch_misses");
    check(a.l2_hits == b.l2_hits, "l2_hits");
    check(a.walks == b.walks, "walks");
    // The reference has no walk caches: with them there are never more references, without them as many.
    const bool cached = mmu_.tlbs().profile().walk_cache != std::array<unsigned, 5>{};
    check(cached ? a.walk_references <= b.walk_references : a.walk_references == b.walk_references, "walk references");
    check(a.rewalks == b.rewalks && a.faults == b.faults, "rewalks");
    check(a.walks == a.l1_data_misses + a.l1_fetch_misses - a.l2_hits + a.rewalks, "identity");
  }
  void compare_memory() {
    check(std::memcmp(memory_.base() + 0x100000, shadow_.base() + 0x100000, 0x100000) == 0, "A/D flags");
  }
  void check(bool holds, const char* what) {
    if (holds) return;
    std::ostringstream out;
    out << what << " at step " << step_ << ", mode " << static_cast<int>(mode_) << ", profile "
        << mmu_.tlbs().profile().name;
    FAIL(out.str());
  }

  struct Remembered {
    uint64_t generation = 0, page = 0;
  };
  std::mt19937_64 random_;
  PagingMode mode_;
  PhysicalMemory memory_, shadow_;
  CpuState cpu_;
  Mmu mmu_;
  ReferenceTlb reference_;
  std::vector<TableBuilder> spaces_;
  std::vector<uint64_t> roots_;
  std::vector<Mapped> pages_;
  std::vector<uint64_t> leaves_;  // entry addresses, by space and page
  std::map<std::pair<uint64_t, unsigned>, Remembered> remembered_;
  unsigned window_ = 0, step_ = 0;
};

// A machine so small that everything is evicted all the time.
TlbProfile tiny() {
  return {.name = "tiny",
          .source = "test",
          .arrays = {{"I", 1, TlbServes::kFetch, {true, true, true}, 2, 2},
                     {"D 4K", 1, TlbServes::kData, {true, false, false}, 4, 2},
                     {"D 2M", 1, TlbServes::kData, {false, true, false}, 2, 2},
                     {"L2", 2, TlbServes::kBoth, {true, true, true}, 16, 4}},
          .walk_cache = {},
          .nested_tlb = 0};
}
// One first-level array for everything, that holds only small pieces of large pages.
TlbProfile shared() {
  return {.name = "shared",
          .source = "test",
          .arrays = {{"L1", 1, TlbServes::kBoth, {true, false, false}, 32, 4}},
          .walk_cache = {},
          .nested_tlb = 0};
}

}  // namespace

TEST_CASE("random use of the MMU equals a list-based TLB that has no fast path", "[mmu][property]") {
  std::vector<TlbProfile> profiles = {tiny(), tiny(), shared()};
  profiles.front().walk_cache = {0, 2, 1, 1, 1};
  for (const TlbProfile& profile : tlb_profiles()) {
    if (profile.arrays.empty()) continue;
    profiles.push_back(profile);
    profiles.push_back(profile);
    profiles.back().walk_cache = {};
    profiles.back().name += " without walk caches";
  }
  for (const TlbProfile& profile : profiles) {
    REQUIRE(profile.check());
    for (const PagingMode mode :
         {PagingMode::kLegacy32, PagingMode::kPae, PagingMode::kFourLevel, PagingMode::kFiveLevel}) {
      for (unsigned seed = 1; seed <= 3; ++seed) {
        Twin twin(mode, profile, seed);
        twin.run(12000);
        REQUIRE(twin.fast_hits > 0);
      }
    }
  }
}
