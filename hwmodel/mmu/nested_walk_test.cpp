// The second dimension's rules: EPT rights and misconfigurations against plain lists of the manual's sentences,
// accessed and dirty flags in both dimensions, exit qualifications, and who is to blame in an agile walk.
#include <cstring>
#include <sstream>
#include <vector>

#include "hwmodel/mmu/entry/agile_shadow.h"
#include "hwmodel/mmu/entry/ept.h"
#include "hwmodel/mmu/testing/two_dimensions.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::hw::testing;

namespace {

constexpr uint64_t kLinear = 0x40201000, kFrame = 0x201000;
constexpr uint64_t kA = EptFormat::kAccessed, kD = EptFormat::kDirty;

struct Guest : TwoDimensions {
  uint64_t pte;
  explicit Guest(unsigned nested_levels = 4)
      : TwoDimensions(shape_of(PagingMode::kFourLevel), ept_shape(nested_levels), 1),
        pte(guest.map(kLinear, 1, kFrame, kUserPage | bit::kA)) {}
};

}  // namespace

// R, W, X of the nested entries at all four levels, with and without accessed/dirty flags, for each kind of access to
// the page.
TEST_CASE("nested rights: all combinations for the page itself", "[mmu][nested]") {
  for (const bool flags : {false, true}) {
    Guest g;
    g.regime.nested.accessed_dirty = flags;
    uint64_t address[4], base[4];
    for (unsigned level = 4; level >= 1; --level) {
      address[4 - level] = g.nested_entry(kFrame, level);
      base[4 - level] = g.nested.load(address[4 - level]) & ~uint64_t{7};
    }
    unsigned cases = 0;
    WalkResult result;
    for (unsigned c = 0; c < 1u << 12; ++c) {
      unsigned rights = 7;
      bool present = true, malformed = false;
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned r = c >> (3 * i) & 7;
        if (present && !malformed) {
          if (r == 0)
            present = false;
          else if (r == 2 || r == 6)
            malformed = true;  // write-only, write and execute only
          rights &= r;
        }
        g.nested.store(address[i], base[i] | r);
      }
      for (const AccessKind kind : {AccessKind::kRead, AccessKind::kWrite, AccessKind::kFetch}) {
        NestedMemory below(g.memory, g.regime.nested, FlagUpdate::kWrite, nullptr, result);
        result.start(kLinear, kind, AccessRole::kSupervisor);
        const NestedMemory::Page page = below.translate(kFrame + 8, kind);
        const unsigned need = kind == AccessKind::kRead ? 1 : kind == AccessKind::kWrite ? 2 : 4;
        ++cases;
        std::ostringstream what;
        what << "rights " << std::oct << c << " kind " << static_cast<int>(kind) << " flags " << flags;
        const auto check = [&](bool holds) {
          if (!holds) FAIL(what.str());
        };
        if (malformed) {
          check(!page.ok && result.outcome == WalkOutcome::kNestedMisconfiguration &&
                result.guest_physical.value == kFrame + 8);
        } else if (!present || !(rights & need)) {
          const unsigned given = present ? rights : 0;
          check(!page.ok && result.outcome == WalkOutcome::kNestedViolation &&
                result.guest_physical.value == kFrame + 8);
          check(result.qualification == (0x180u | need | given << 3));
        } else {
          check(page.ok && page.bus == kGuestBase + kFrame + 8 &&
                (page.rights & rights::kNested) >> rights::kNestedShift == rights);
        }
        for (unsigned i = 0; i < 4; ++i) {
          const uint64_t word = base[i] | (c >> (3 * i) & 7);
          const uint64_t wanted = word | (page.ok && flags ? kA | (i == 3 && kind == AccessKind::kWrite ? kD : 0) : 0);
          check(g.nested.load(address[i]) == wanted);
          g.nested.store(address[i], word);
        }
      }
    }
    REQUIRE(cases == 3 * 4096);
  }
}

namespace {

// [SDM 3C 28.3.3.1 "EPT Misconfigurations"] and the reserved bits of tables 28-1 to 28-6, with 40 physical address
// bits.
bool misconfigured(uint64_t e, unsigned level) {
  const auto bit_set = [e](unsigned n) { return (e >> n & 1) != 0; };
  const bool present = bit_set(0) || bit_set(1) || bit_set(2);
  if (!present) return false;
  if (bit_set(1) && !bit_set(0)) return true;  // 010b or 110b
  for (unsigned n = 40; n <= 51; ++n) {
    if (bit_set(n)) return true;
  }
  const bool page = level == 1 || ((level == 2 || level == 3) && bit_set(7));
  if (!page) {
    for (unsigned n = 3; n <= 6; ++n) {
      if (bit_set(n)) return true;
    }
    return level >= 4 && bit_set(7);
  }
  const unsigned type = e >> 3 & 7;
  if (type == 2 || type == 3 || type == 7) return true;
  for (unsigned n = 12; n < (level == 3 ? 30u : level == 2 ? 21u : 12u); ++n) {
    if (bit_set(n)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("EPT misconfigurations: every low byte and every other bit alone, at each level", "[mmu][nested]") {
  const EptFormat format(true);
  for (unsigned level = 1; level <= 5; ++level) {
    for (unsigned low = 0; low < 256; ++low) {
      for (unsigned n = 8; n < 64; ++n) {
        const uint64_t e = low | (n == 8 ? 0 : uint64_t{1} << n);
        const bool got = format.present(e) && format.malformed(e, level, format.leaf(e, level));
        if (got != misconfigured(e, level)) FAIL("level " << level << " entry " << std::hex << e);
      }
    }
  }
  Guest g;
  g.nested.store(g.nested_entry(kFrame), kFrame | 7 | 2 << 3);
  REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kNestedMisconfiguration);
  REQUIRE(g.result.guest_physical == GuestPhysical(kFrame));
  REQUIRE(g.result.references() == 24);
}

TEST_CASE("nested violations say which access, which rights, and page or table", "[mmu][nested]") {
  using namespace ept_violation;
  Guest g;
  const uint64_t page_entry = g.nested_entry(kFrame), table_entry = g.nested_entry(g.pte & ~uint64_t{0xfff});
  SECTION("the page is not mapped") {
    g.nested.store(page_entry, 0);
    REQUIRE(g.walk(kLinear + 4, AccessKind::kWrite).outcome == WalkOutcome::kNestedViolation);
    REQUIRE(g.result.qualification == (kWrite | kLinearValid | kFinal));
    REQUIRE(g.result.guest_physical == GuestPhysical(kFrame + 4));
    REQUIRE(g.result.references() == 24);
    REQUIRE(g.guest.load(g.pte) == (kFrame | kUserPage | bit::kA));  // no dirty flag for what did not happen
  }
  SECTION("the page is not executable") {
    g.nested.store(page_entry, (kGuestBase + kFrame) | 3 | 6 << 3);
    REQUIRE(g.walk(kLinear, AccessKind::kFetch).qualification ==
            (kFetch | kLinearValid | kFinal | kReadable | kWritable));
  }
  SECTION("the page is execute-only") {
    g.nested.store(page_entry, (kGuestBase + kFrame) | 4 | 6 << 3);
    REQUIRE(g.walk(kLinear, AccessKind::kFetch).outcome == WalkOutcome::kTranslated);
    REQUIRE(g.walk(kLinear).qualification == (kRead | kLinearValid | kFinal | kExecutable));
  }
  SECTION("a guest table is not mapped") {
    g.nested.store(table_entry, 0);
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).outcome == WalkOutcome::kNestedViolation);
    REQUIRE(g.result.qualification == (kRead | kLinearValid));
    REQUIRE(g.result.guest_physical == GuestPhysical(g.pte));
    REQUIRE(g.result.references() == 3 * 5 + 4);
  }
  SECTION("a guest table is read-only, and a flag must be written") {
    g.nested.store(table_entry, g.nested.load(table_entry) & ~uint64_t{2});
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kTranslated);  // accessed already
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).outcome == WalkOutcome::kNestedViolation);
    REQUIRE(g.result.qualification == (kRead | kWrite | kLinearValid | kReadable | kExecutable));
    REQUIRE(g.result.guest_physical == GuestPhysical(g.pte));
    REQUIRE(g.guest.load(g.pte) == (kFrame | kUserPage | bit::kA));
    g.guest.store(g.pte, kFrame | kUserPage | bit::kA | bit::kD);
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).outcome == WalkOutcome::kTranslated);
  }
  SECTION("with nested accessed and dirty flags reading a guest table is writing it") {
    g.regime.nested.accessed_dirty = true;
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kTranslated);
    REQUIRE((g.nested.load(table_entry) & (kA | kD)) == (kA | kD));
    REQUIRE((g.nested.load(page_entry) & (kA | kD)) == kA);
    REQUIRE_FALSE(g.result.dirty);
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).dirty);
    REQUIRE((g.nested.load(page_entry) & (kA | kD)) == (kA | kD));
    g.nested.store(table_entry, g.nested.load(table_entry) & ~uint64_t{2});
    REQUIRE(g.walk(kLinear).qualification == (kRead | kWrite | kLinearValid | kReadable | kExecutable));
  }
  SECTION("a guest page fault comes before the page's violation, a table's violation before the page fault") {
    g.nested.store(page_entry, 0);
    g.guest.store(g.pte, 0);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kPageFault);
    REQUIRE(g.result.error_code == 0);
    g.nested.store(table_entry, 0);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kNestedViolation);
  }
}

TEST_CASE("nested walk: flags are set in both dimensions and recorded", "[mmu][nested]") {
  Guest g;
  g.regime.nested.accessed_dirty = true;
  g.guest.store(g.pte, kFrame | kUserPage);
  const WalkResult& w = g.walk(kLinear, AccessKind::kWrite);
  REQUIRE((g.guest.load(g.pte) & (bit::kA | bit::kD)) == (bit::kA | bit::kD));
  REQUIRE(w.steps[19].table == TableKind::kGuest);
  REQUIRE(w.steps[19].set_accessed);
  REQUIRE(w.steps[19].set_dirty);
  REQUIRE(w.steps[23].set_accessed);
  REQUIRE(w.steps[23].set_dirty);
  unsigned written = 0;
  for (unsigned i = 0; i < 24; ++i) written += w.steps[i].set_accessed;
  REQUIRE(written > 4);
  const WalkResult again = g.walk(kLinear, AccessKind::kWrite);
  for (unsigned i = 0; i < 24; ++i) REQUIRE_FALSE((again.steps[i].set_accessed || again.steps[i].set_dirty));
}

TEST_CASE("nested walk: peeking writes no flag in either dimension", "[mmu][nested]") {
  Guest g;
  g.regime.nested.accessed_dirty = true;
  g.guest.store(g.pte, kFrame | kUserPage);
  const std::vector<uint8_t> before(g.memory.base(), g.memory.base() + kGuestBase + (16 << 20));
  WalkRequest request = g.request(kLinear, AccessKind::kWrite);
  request.flags = FlagUpdate::kLeave;
  walk(g.memory, request, g.result);
  REQUIRE(g.result.outcome == WalkOutcome::kTranslated);
  REQUIRE(g.result.references() == 24);
  REQUIRE(std::memcmp(before.data(), g.memory.base(), before.size()) == 0);
}

TEST_CASE("nested array: addresses beyond it violate without a reference", "[mmu][nested]") {
  TwoDimensions t(shape_of(PagingMode::kFourLevel), array_ept_shape(kGuestBytes), 1);
  t.guest.map(kLinear, 1, kGuestBytes + 0x1000, kUserPage);
  REQUIRE(t.walk(kLinear).outcome == WalkOutcome::kNestedViolation);
  REQUIRE(t.result.guest_physical == GuestPhysical(kGuestBytes + 0x1000));
  REQUIRE(t.result.references() == 8);
}

TEST_CASE("nested_controls reads an EPT pointer", "[mmu][nested]") {
  const NestedControls c = nested_controls(0x12345000 | 6 | 3 << 3 | 1 << 6);
  REQUIRE(c.root == 0x12345000);
  REQUIRE(c.levels == 4);
  REQUIRE(c.accessed_dirty);
  REQUIRE(nested_controls(4 << 3).levels == 5);
  REQUIRE_FALSE(nested_controls(4 << 3).accessed_dirty);
}

// --- agile
// ---------------------------------------------------------------------------------------------------------------------

TEST_CASE("agile walk: faults are blamed on the part that made them", "[mmu][agile]") {
  Guest g;
  TableBuilder shadow(g.memory, PagingMode::kFourLevel, g.next_machine_table);
  const uint64_t pde = shadow.entry_address(kLinear, 2, kUserPage);
  const uint64_t guest_table = kGuestBase + (g.pte & ~uint64_t{0xfff});
  const uint64_t good = guest_table | kUserPage | AgileShadowFormat::kSwitch;
  shadow.store(pde, good);
  g.regime.start = WalkStart::kShadowRoot;
  g.regime.shadow_root = shadow.root();
  REQUIRE(g.walk(kLinear, AccessKind::kWrite).physical == HostPhysical(kGuestBase + kFrame));
  REQUIRE(g.result.references() == 3 + 1 + 4);
  REQUIRE((g.guest.load(g.pte) & bit::kD) != 0);
  REQUIRE((shadow.load(pde) & (bit::kA | bit::kD)) == bit::kA);

  SECTION("the shadow does not know the page: the monitor's business") {
    shadow.store(pde, 0);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kPageFault);
    REQUIRE(g.result.fault_table == TableKind::kShadow);
  }
  SECTION("the guest has not mapped it: the guest's business") {
    g.guest.store(g.pte, 0);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kPageFault);
    REQUIRE(g.result.fault_table == TableKind::kGuest);
  }
  SECTION("the shadow forbids writing what the guest's own entry allows") {
    shadow.store(pde, good & ~uint64_t{2});
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).error_code == 0b11);
    REQUIRE(g.result.fault_table == TableKind::kShadow);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kTranslated);
  }
  SECTION("the guest's own entry forbids it") {
    g.guest.store(g.pte, kFrame | bit::kP | bit::kUs | bit::kA);
    REQUIRE(g.walk(kLinear, AccessKind::kWrite).error_code == 0b11);
    REQUIRE(g.result.fault_table == TableKind::kGuest);
  }
  SECTION("the page is missing below") {
    g.nested.store(g.nested_entry(kFrame), 0);
    REQUIRE(g.walk(kLinear).outcome == WalkOutcome::kNestedViolation);
  }
  SECTION("a switching entry cannot be large or have reserved bits") {
    shadow.store(pde, good | bit::kPs);
    REQUIRE(g.walk(kLinear).error_code == 0b1001);
    shadow.store(pde, good | uint64_t{1} << 45);
    REQUIRE(g.walk(kLinear).error_code == 0b1001);
  }
  SECTION("outside agile walks bit 52 means nothing") {
    g.regime = {};
    g.regime.table = TableKind::kShadow;
    WalkRequest request = g.request(kLinear);
    request.cr3 = shadow.root();
    walk(g.memory, request, g.result);
    REQUIRE(g.result.outcome == WalkOutcome::kTranslated);
    REQUIRE(g.result.physical == HostPhysical(kFrame));  // the guest's number taken as the machine's
  }
}
