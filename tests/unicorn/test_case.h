// One differential test: an instruction, the state before it, and what a machine makes of it. Shared by the generator, the two
// machines and the comparison.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringside::differential {

// The modes this test is about; user-mode code of 64-bit mode is tested against the real CPU (tests/differential).
enum class Mode : uint8_t { kReal16, kProtected16, kProtected32, kCompatibility32, kLong64 };
constexpr Mode kModes[] = {Mode::kReal16, Mode::kProtected16, Mode::kProtected32, Mode::kCompatibility32, Mode::kLong64};
constexpr std::string_view name_of(Mode mode) {
  constexpr std::string_view names[] = {"real16", "protected16", "protected32", "compat32", "long64"};
  return names[static_cast<unsigned>(mode)];
}
constexpr unsigned code_size(Mode mode) { return mode == Mode::kLong64 ? 64 : mode == Mode::kReal16 || mode == Mode::kProtected16 ? 16 : 32; }

// Physical memory, the same in both machines and mapped one to one where paging is on.
namespace layout {
constexpr uint64_t kBytes = 2 << 20;
constexpr uint64_t kGdt = 0x800, kIdt = 0x1000, kTss = 0x2000, kHandler = 0x3000;
constexpr uint64_t kCode = 0x4000, kCodeBytes = 0x2000, kSlot = 32;   // instructions under test, one a slot; the rest of it HLT
constexpr uint64_t kTargets = 0x6000, kTargetsBytes = 0x1000;   // where branches go: HLT throughout, as all RAM above kFarTargets
constexpr uint64_t kFarTargets = 0x20000;
constexpr uint64_t kPrologue = 0x7000;                     // brings Unicorn into the mode
constexpr uint64_t kWindow = 0x8000, kWindowBytes = 0x2000; // data: everything memory operands refer to
constexpr uint64_t kTables = 0x10000;                      // page tables
}  // namespace layout

// Segment bases in 16- and 32-bit modes differ on purpose; in the order ES, CS, SS, DS, FS, GS. Real mode: selector = base / 16.
constexpr std::array<uint32_t, 6> kSegmentBase = {0x800, 0, 0x400, 0x1000, 0x2000, 0x0};
// GDT slots: 1..6 the six segments of the mode above, in that order; then descriptors to be loaded or asked about.
constexpr unsigned kGdtEntries = 17;
constexpr uint16_t kGateCode16 = 0x10, kGateCode64 = 0x80;  // where gates lead

struct State {
  std::array<uint64_t, 16> gpr{};
  uint64_t rip = 0, rflags = 0, cr0 = 0, cr2 = 0;
  std::array<uint16_t, 6> selector{};
};

struct TestCase {
  Mode mode = Mode::kLong64;
  std::array<uint8_t, 15> bytes{};
  unsigned length = 0;
  uint64_t address = 0;
  bool repeated = false;                // a string instruction with a REP prefix
  State before;                         // selectors are the mode's own
  uint64_t window_seed = 0;             // fills the data window
  uint64_t poke_address = 0, poke_value = 0;  // then these eight bytes go into it (branch targets in memory); address 0: none
};

enum class Ending : uint8_t {
  kRetired,
  kException,   // `vector` says which
  kOutside,     // touched memory or ports this test has no opinion about
  kStray,       // stored outside the data window: nothing to compare, and the model's memory must be built anew
};

struct Outcome {
  Ending ending = Ending::kRetired;
  unsigned vector = 0;
  State after;
};

}  // namespace ringside::differential
