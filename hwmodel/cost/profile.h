// CostProfile: what the primitive operations of one machine cost, in its cycles, with the source of each number.
// Read from JSON (profiles/*.json are built in); written by calibration. It prices; cost/account.h keeps the books.
//
//   {"name": "...", "machine": "...", "tlb_profile": "skylake",
//    "clock_hz":     {"value":  2000000000, "kind": "published", "source": "..."},
//    "instructions": {"move": {"cycles": 1, "kind": "assumed",   "source": "..."}, ... one for each CostClass; at least 1},
//    "primitives":   {"vm_exit": {...}, ... one for each Primitive}}
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "hwmodel/cost/cost_table.h"
#include "traces/base/result.h"

namespace ringside::hw {

enum class NumberKind : uint8_t {
  kMeasured,   // by `ringside calibrate` on the machine the profile names
  kPublished,  // read in the document named, or arithmetic on such numbers alone
  kAssumed,    // chosen for the model; the source says why, and which part is published if any
};

struct CostNumber {
  uint64_t value = 0;
  NumberKind kind = NumberKind::kAssumed;
  std::string source;
};

struct CostProfile {
  static constexpr uint64_t kMostCycles = 100'000'000;  // of one primitive: far beyond any, sums never overflow
  static constexpr uint64_t kMostInstructionCycles = 1'000'000;

  std::string name, machine;
  std::string tlb_profile;  // of mmu/tlb_profile.h; exists
  CostNumber clock_hz;      // at least 1 MHz
  std::array<CostNumber, kCostClasses> instruction;
  std::array<CostNumber, kPrimitives> primitive;

  uint64_t cycles(CostClass c) const { return instruction[static_cast<size_t>(c)].value; }
  uint64_t cycles(Primitive p) const { return primitive[static_cast<size_t>(p)].value; }
  CostTable table() const;
  // One exit and its entry, without what the monitor does in between.
  uint64_t world_switch_cycles() const { return cycles(Primitive::kVmExit) + cycles(Primitive::kVmEntry); }
};

std::string_view name_of(NumberKind kind);

// `origin` names the text in errors; each bad field is one sentence.
Result<CostProfile> parse_cost_profile(std::string_view json, std::string_view origin);
nlohmann::ordered_json to_json(const CostProfile& profile);

// Names of the profiles built in, in alphabetical order.
std::vector<std::string> cost_profile_names();
// The profile of that name, or of the file at that path if no name matches.
Result<CostProfile> load_cost_profile(const std::string& name_or_path);
// The machine of the HyperBench paper, with the most published numbers.
inline constexpr std::string_view kDefaultCostProfile = "hyperbench-xeon";

}  // namespace ringside::hw
