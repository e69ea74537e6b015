// Every combination of the permission bits of a page walk against an oracle that is a plain list of the manual's
// sentences. The whole way is tested: control registers, CPL and EFLAGS.AC of a CPU through Mmu::translate with TLBs
// off.
#include <cstring>
#include <sstream>
#include <vector>

#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

// One entry on the way, in words instead of bits.
struct EntrySays {
  bool present = true, writable = true, user = true, no_execute = false, reserved = false, accessed = false,
       dirty = false;
};
struct Situation {
  PagingMode mode;
  std::vector<EntrySays> path;  // from the root to the leaf
  bool write, fetch, user_access, implicit;
  bool wp, smep, smap, ac, nxe;

  bool has_no_execute() const { return mode != PagingMode::kLegacy32; }
  bool says_something(size_t i) const { return !(mode == PagingMode::kPae && i == 0); }  // a PDPTE has no rights
  bool every(bool EntrySays::*what) const {
    for (size_t i = 0; i < path.size(); ++i) {
      if (says_something(i) && !(path[i].*what)) return false;
    }
    return true;
  }
  bool some(bool EntrySays::*what) const {
    for (size_t i = 0; i < path.size(); ++i) {
      if (says_something(i) && path[i].*what) return true;
    }
    return false;
  }
  bool user_address() const { return every(&EntrySays::user); }
  bool explicit_with_ac() const { return !implicit && ac; }
};

// What is forbidden, sentence by sentence [SDM 3A 4.6.1 "Determination of Access Rights"].
struct Rule {
  const char* sentence;
  bool (*forbids)(const Situation&);
};
const Rule kRules[] = {
    {"user-mode accesses to supervisor-mode addresses are not allowed",
     [](const Situation& s) { return s.user_access && !s.user_address(); }},
    {"user-mode writes need R/W = 1 in every entry",
     [](const Situation& s) { return s.user_access && s.write && !s.every(&EntrySays::writable); }},
    {"with EFER.NXE = 1 fetches need XD = 0 in every entry",
     [](const Situation& s) { return s.fetch && s.nxe && s.has_no_execute() && s.some(&EntrySays::no_execute); }},
    {"with CR4.SMEP = 1 supervisor-mode fetches from user-mode addresses are not allowed",
     [](const Situation& s) { return !s.user_access && s.fetch && s.smep && s.user_address(); }},
    {"with CR4.SMAP = 1 supervisor-mode data reads of user-mode addresses need EFLAGS.AC = 1 and an explicit access",
     [](const Situation& s) {
       return !s.user_access && !s.fetch && !s.write && s.smap && s.user_address() && !s.explicit_with_ac();
     }},
    {"with CR4.SMAP = 1 supervisor-mode writes to user-mode addresses need EFLAGS.AC = 1 and an explicit access",
     [](const Situation& s) {
       return !s.user_access && s.write && s.smap && s.user_address() && !s.explicit_with_ac();
     }},
    {"with CR0.WP = 1 supervisor-mode writes need R/W = 1 in every entry",
     [](const Situation& s) { return !s.user_access && s.write && s.wp && !s.every(&EntrySays::writable); }},
};

struct Expected {
  bool ok = true;
  uint32_t code = 0;
};
Expected oracle(const Situation& s) {
  uint32_t kind = 0;
  if (s.write) kind += 2;
  if (s.user_access) kind += 4;
  if (s.fetch && (s.smep || (s.nxe && s.has_no_execute()))) kind += 16;
  for (size_t i = 0; i < s.path.size(); ++i) {
    if (!s.path[i].present) return {false, kind};
    const bool xd_reserved = s.has_no_execute() && s.path[i].no_execute && (!s.nxe || !s.says_something(i));
    if (s.path[i].reserved || xd_reserved) return {false, kind + 1 + 8};
  }
  for (const Rule& rule : kRules) {
    if (rule.forbids(s)) return {false, kind + 1};
  }
  return {true, 0};
}

constexpr uint64_t kLinear = 0x40201000;  // index 1 at the levels 1..3

struct Page {
  PagingMode mode;
  unsigned leaf_level;
};

class Bench {
 public:
  explicit Bench(Page page)
      : page_(page), memory_(make_memory(1 << 20)), mmu_(cpu_, memory_), tables_(memory_, page.mode, next_) {
    mmu_.set_tlb_profile(*find_tlb_profile("none"));
    enter(cpu_, page.mode);
    cpu_.cr3 = tables_.root();
    tables_.map(kLinear, page.leaf_level, 0, bit::kP);
    for (unsigned level = tables_.shape().levels; level >= page.leaf_level; --level) {
      addresses_.push_back(tables_.entry_address(kLinear, level, bit::kP));
      base_.push_back(tables_.load(addresses_.back()) & ~(bit::kP | bit::kRw | bit::kUs | bit::kA));
    }
  }
  size_t depth() const { return addresses_.size(); }

  void set_controls(unsigned bits, Situation& s) {
    s.mode = page_.mode;
    s.wp = bits & 1;
    s.smep = bits & 2;
    s.smap = bits & 4;
    s.ac = bits & 8;
    s.nxe = bits & 16;
    set(cpu_.cr0, cr0::kWp, s.wp);
    set(cpu_.cr4, cr4::kSmep, s.smep);
    set(cpu_.cr4, cr4::kSmap, s.smap);
    set(cpu_.system_flags, rflags::kAc, s.ac);
    set(cpu_.efer, efer::kNxe, s.nxe);
  }

  void write_path(const Situation& s) {
    words_.resize(depth());
    for (size_t i = 0; i < depth(); ++i) {
      const EntrySays& e = s.path[i];
      uint64_t word = base_[i] | (e.present ? bit::kP : 0) | (e.accessed ? bit::kA : 0);
      if (s.says_something(i))
        word |= (e.writable ? bit::kRw : 0) | (e.user ? bit::kUs : 0);
      else
        word &= ~bit::kA;
      if (i + 1 == depth() && e.dirty) word |= bit::kD;
      if (s.has_no_execute() && e.no_execute) word |= bit::kNx;
      if (e.reserved) word |= reserved_bit(i);
      words_[i] = word;
      tables_.store(addresses_[i], word);
    }
  }
  // Whether the format has a reserved bit at this entry: 32-bit paging has none but in large pages.
  bool can_reserve(size_t i) const { return page_.mode != PagingMode::kLegacy32 || (i == 0 && page_.leaf_level == 2); }

  // Makes the access on behalf of: 0 user code, 1 user code's system access, 2 kernel code, 3 kernel code's system
  // access.
  void check(Situation& s, AccessKind kind, unsigned who) {
    s.write = kind == AccessKind::kWrite;
    s.fetch = kind == AccessKind::kFetch;
    s.user_access = who == 0;
    s.implicit = who == 1 || who == 3;
    cpu_.cpl = who < 2 ? 3 : 0;
    mmu_.update_mode();
    const Expected expected = oracle(s);
    const Translation peeked = who == 1 ? mmu_.peek(kLinear, kind, false) : Translation{expected.ok, {}, expected.code};
    const Translation got =
        who == 1 ? mmu_.translate(kLinear, kind, false)
        : who == 0
            ? mmu_.translate(kLinear, kind, true)
            : mmu_.translate(kLinear, kind, who == 2 ? AccessMode::kSupervisor : AccessMode::kSupervisorImplicit);
    ++cases;
    bool right = got.ok == expected.ok && got.error_code == expected.code && peeked.ok == got.ok &&
                 peeked.error_code == got.error_code;
    if (got.ok) right = right && got.physical.value == (kLinear & page_mask());
    for (size_t i = 0; i < depth(); ++i) {
      uint64_t wanted = words_[i];
      if (expected.ok && s.says_something(i)) wanted |= bit::kA;
      if (expected.ok && s.write && i + 1 == depth()) wanted |= bit::kD;
      const uint64_t now = tables_.load(addresses_[i]);
      right = right && now == wanted;
      if (now != words_[i]) tables_.store(addresses_[i], words_[i]);
    }
    if (!right) FAIL(describe(s, expected, got));
  }
  void check_all(Situation& s) {
    for (const AccessKind kind : {AccessKind::kRead, AccessKind::kWrite, AccessKind::kFetch}) {
      for (unsigned who = 0; who < 4; ++who) check(s, kind, who);
    }
  }
  uint64_t cases = 0;

 private:
  static void set(uint64_t& reg, uint64_t bits, bool on) { reg = on ? reg | bits : reg & ~bits; }
  uint64_t page_mask() const {
    const TreeShape shape = tables_.shape();
    return (uint64_t{1} << (12 + shape.index_bits * (page_.leaf_level - 1))) - 1;
  }
  uint64_t reserved_bit(size_t i) const {
    if (page_.mode == PagingMode::kLegacy32) return uint64_t{1} << 21;
    return uint64_t{1} << (40 + i);  // beyond MAXPHYADDR
  }
  std::string describe(const Situation& s, Expected expected, const Translation& got) const {
    std::ostringstream out;
    out << "mode " << static_cast<int>(s.mode) << " wp " << s.wp << " smep " << s.smep << " smap " << s.smap << " ac "
        << s.ac << " nxe " << s.nxe << " write " << s.write << " fetch " << s.fetch << " user " << s.user_access
        << " implicit " << s.implicit << "; entries";
    for (size_t i = 0; i < depth(); ++i) out << std::hex << " " << words_[i] << "->" << tables_.load(addresses_[i]);
    out << "; expected ok " << expected.ok << " code " << expected.code << ", got ok " << got.ok << " code "
        << got.error_code;
    return out.str();
  }
  Page page_;
  PhysicalMemory memory_;
  CpuState cpu_;
  Mmu mmu_;
  uint64_t next_ = 0x10000;
  TableBuilder tables_;
  std::vector<uint64_t> addresses_, base_, words_;
};

const Page kPages[] = {{PagingMode::kLegacy32, 1},  {PagingMode::kLegacy32, 2},  {PagingMode::kPae, 1},
                       {PagingMode::kPae, 2},       {PagingMode::kFourLevel, 1}, {PagingMode::kFourLevel, 2},
                       {PagingMode::kFourLevel, 3}, {PagingMode::kFiveLevel, 1}, {PagingMode::kFiveLevel, 2},
                       {PagingMode::kFiveLevel, 3}};

void set_rights(EntrySays& e, unsigned bits) {
  e.writable = bits & 1;
  e.user = bits & 2;
  e.no_execute = bits & 4;
}

}  // namespace

// R/W, U/S, XD of every entry x WP, SMEP, SMAP, AC, NXE x read, write, fetch x user, supervisor, implicit at CPL 3 and
// 0.
TEST_CASE("page walk permissions: all combinations of rights", "[mmu][permissions]") {
  for (const Page page : kPages) {
    Bench bench(page);
    const unsigned per_entry = page.mode == PagingMode::kLegacy32 ? 2 : 3;
    const unsigned combinations = 1u << (per_entry * bench.depth());
    unsigned tried = 0;
    for (unsigned controls = 0; controls < 32; ++controls) {
      Situation s;
      s.path.resize(bench.depth());
      bench.set_controls(controls, s);
      for (unsigned c = 0; c < combinations; ++c) {
        unsigned odd = 0;
        for (size_t i = 0; i < bench.depth(); ++i) {
          const unsigned bits = c >> (per_entry * i) & ((1u << per_entry) - 1);
          set_rights(s.path[i], bits);
          odd += bits != 3;
        }
        // With five entries: all pairs of restricted entries; the rights are ANDed, so more say nothing new.
        if (bench.depth() == 5 && odd > 2) continue;
        bench.write_path(s);
        bench.check_all(s);
        ++tried;
      }
    }
    REQUIRE(bench.cases == uint64_t{tried} * 12);
    if (bench.depth() < 5) REQUIRE(tried == combinations * 32);
  }
}

// P, reserved, A of every entry and D of the leaf: who wins, and which flags are written.
TEST_CASE("page walk permissions: present, reserved, accessed and dirty", "[mmu][permissions]") {
  for (const Page page : kPages) {
    Bench bench(page);
    const unsigned depth = static_cast<unsigned>(bench.depth());
    for (const unsigned controls : {0u, 0b10001u, 0b11111u}) {
      for (const unsigned leaf_rights : {3u, 2u}) {
        Situation s;
        s.path.resize(depth);
        bench.set_controls(controls, s);
        for (unsigned c = 0; c < 1u << (3 * depth + 1); ++c) {
          bool possible = true;
          for (unsigned i = 0; i < depth; ++i) {
            EntrySays& e = s.path[i];
            e = {};
            const unsigned bits = c >> (3 * i) & 7;
            e.present = bits & 1;
            e.reserved = bits & 2;
            e.accessed = bits & 4;
            possible = possible && (!e.reserved || bench.can_reserve(i));
          }
          set_rights(s.path.back(), leaf_rights);
          s.path.back().dirty = c >> (3 * depth) & 1;
          if (!possible) continue;
          bench.write_path(s);
          for (const AccessKind kind : {AccessKind::kRead, AccessKind::kWrite, AccessKind::kFetch}) {
            bench.check(s, kind, 0);
            bench.check(s, kind, 2);
          }
        }
      }
    }
    REQUIRE(bench.cases > 0);
  }
}

namespace {

// Reserved bits of a present entry with 40 physical address bits, NXE = 0 and everything else clear, as the manual's
// tables draw them.
struct ReservedRow {
  const char* entry;
  PagingMode mode;
  unsigned level, leaf_level;
  uint64_t reserved;
};
constexpr uint64_t kHigh = 0x000fff0000000000, kBit63 = uint64_t{1} << 63;
const ReservedRow kReservedRows[] = {
    {"32-bit PDE, table", PagingMode::kLegacy32, 2, 1, 0},
    {"32-bit PTE", PagingMode::kLegacy32, 1, 1, 0},
    {"32-bit PDE, 4 MiB", PagingMode::kLegacy32, 2, 2, 1u << 21},
    {"PAE PDPTE", PagingMode::kPae, 3, 1, 0xffffff0000000000 | 0x1e6},
    {"PAE PDE, table", PagingMode::kPae, 2, 1, 0x7fffff0000000000 | kBit63},
    {"PAE PTE", PagingMode::kPae, 1, 1, 0x7fffff0000000000 | kBit63},
    {"PAE PDE, 2 MiB", PagingMode::kPae, 2, 2, 0x7fffff0000000000 | kBit63 | 0x1fe000},
    {"PML5E", PagingMode::kFiveLevel, 5, 1, kHigh | kBit63 | 0x80},
    {"PML4E", PagingMode::kFourLevel, 4, 1, kHigh | kBit63 | 0x80},
    {"PML4E of five levels", PagingMode::kFiveLevel, 4, 1, kHigh | kBit63 | 0x80},
    {"PDPTE, table", PagingMode::kFourLevel, 3, 1, kHigh | kBit63},
    {"PDPTE, 1 GiB", PagingMode::kFourLevel, 3, 3, kHigh | kBit63 | 0x3fffe000},
    {"PDE, table", PagingMode::kFourLevel, 2, 1, kHigh | kBit63},
    {"PDE, 2 MiB", PagingMode::kFourLevel, 2, 2, kHigh | kBit63 | 0x1fe000},
    {"PTE", PagingMode::kFourLevel, 1, 1, kHigh | kBit63},
};

}  // namespace

TEST_CASE("page walk: each reserved bit alone faults with RSVD, each other bit does not", "[mmu][permissions]") {
  for (const ReservedRow& row : kReservedRows) {
    PhysicalMemory memory = make_memory(1 << 20);
    CpuState cpu;
    Mmu mmu(cpu, memory);
    mmu.set_tlb_profile(*find_tlb_profile("none"));
    enter(cpu, row.mode);
    uint64_t next = 0x10000;
    TableBuilder tables(memory, row.mode, next);
    cpu.cr3 = tables.root();
    mmu.update_mode();
    tables.map(kLinear, row.leaf_level, 0, bit::kP | bit::kRw | bit::kUs);
    const uint64_t address = tables.entry_address(kLinear, row.level, bit::kP);
    const uint64_t good = tables.load(address);
    const bool is_leaf = row.level == row.leaf_level;
    REQUIRE(mmu.translate(kLinear, AccessKind::kRead, false).ok);
    for (unsigned b = 1; b < (row.mode == PagingMode::kLegacy32 ? 32u : 64u); ++b) {
      if (b == 7 && row.level != 1 && row.level < 4 && !(row.mode == PagingMode::kPae && row.level == 3))
        continue;                                                               // PS
      if (!is_leaf && b >= 12 && b < 40 && !(row.reserved >> b & 1)) continue;  // would point to another table
      tables.store(address, good ^ (uint64_t{1} << b));
      const Translation t = mmu.translate(kLinear, AccessKind::kRead, false);
      INFO(row.entry << ", bit " << b);
      if (row.reserved >> b & 1) {
        REQUIRE_FALSE(t.ok);
        REQUIRE(t.error_code == 0b1001);
      } else {
        REQUIRE(t.ok);
      }
    }
  }
}
