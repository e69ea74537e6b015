#include "hwmodel/cost/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hwmodel/mmu/tlb_profile.h"
#include "traces/base/text.h"

namespace ringside::hw {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kKindNames = {"measured", "published", "assumed"};
constexpr uint64_t kLeastClock = 1'000'000, kMostClock = 100'000'000'000;
constexpr size_t kLongestText = 4096;

// One file being read: every failure says which file and which field.
class Reader {
 public:
  explicit Reader(std::string_view origin) : origin_(origin) {}

  Error bad(std::string_view key, std::string_view field, const std::string& detail) const {
    return fail(ExitCode::kInput, text::tr(key, origin_, field, detail));
  }
  Error missing(std::string_view field) const { return bad("hwmodel.cost.missing", field, ""); }

  Result<std::string> text_of(const json& object, const char* member, const std::string& field) const {
    const auto it = object.find(member);
    if (it == object.end()) return missing(field);
    if (!it->is_string()) return bad("hwmodel.cost.no_text", field, shown(*it));
    const std::string value = *it;
    if (value.empty() || value.size() > kLongestText) return bad("hwmodel.cost.no_text", field, shown(*it));
    return value;
  }

  Result<CostNumber> number(const json& parent, std::string_view name, const std::string& path, const char* member,
                            uint64_t least, uint64_t most) const {
    const auto it = parent.find(name);
    if (it == parent.end()) return missing(path);
    if (!it->is_object()) return bad("hwmodel.cost.no_number", path, shown(*it));
    BOOST_OUTCOME_TRYV(only(*it, {member, "kind", "source"}, path + "."));
    CostNumber number;
    const auto value = it->find(member);
    const std::string field = path + "." + member;
    if (value == it->end()) return missing(field);
    const bool in_range = value->is_number_unsigned() && value->get<uint64_t>() >= least && value->get<uint64_t>() <= most;
    if (!in_range) return fail(ExitCode::kInput, text::tr("hwmodel.cost.range", origin_, field, shown(*value), least, most));
    number.value = *value;
    number.source = BOOST_OUTCOME_TRYX(text_of(*it, "source", path + ".source"));
    const std::string kind = BOOST_OUTCOME_TRYX(text_of(*it, "kind", path + ".kind"));
    for (size_t i = 0; i < kKindNames.size(); ++i) {
      if (kind != kKindNames[i]) continue;
      number.kind = static_cast<NumberKind>(i);
      return number;
    }
    return bad("hwmodel.cost.kind", path + ".kind", kind);
  }

  // A member of its own name for each of `names`, and no other.
  template <size_t kCount>
  Result<void> numbers(const json& root, const char* group, const std::array<std::string_view, kCount>& names, uint64_t least,
                       uint64_t most, std::array<CostNumber, kCount>& out) const {
    const auto it = root.find(group);
    if (it == root.end()) return missing(group);
    if (!it->is_object()) return bad("hwmodel.cost.no_object", group, shown(*it));
    BOOST_OUTCOME_TRYV(only(*it, {names.begin(), names.end()}, std::string(group) + "."));
    for (size_t i = 0; i < kCount; ++i) {
      const std::string path = fmt::format("{}.{}", group, names[i]);
      out[i] = BOOST_OUTCOME_TRYX(number(*it, names[i], path, "cycles", least, most));
    }
    return success();
  }

  // A misspelt member would silently change nothing.
  Result<void> only(const json& object, const std::vector<std::string_view>& names, const std::string& prefix) const {
    for (const auto& item : object.items()) {
      if (std::find(names.begin(), names.end(), item.key()) == names.end())
        return bad("hwmodel.cost.unknown", prefix + item.key().substr(0, 100), fmt::format("{}", fmt::join(names, ", ")));
    }
    return success();
  }

  static std::string shown(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60);
  }

 private:
  std::string origin_;
};

}  // namespace

std::string_view name_of(NumberKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

CostTable CostProfile::table() const {
  CostTable table;
  for (size_t i = 0; i < kCostClasses; ++i) table.instruction[i] = static_cast<uint32_t>(instruction[i].value);
  for (size_t i = 0; i < kPrimitives; ++i) table.primitive[i] = static_cast<uint32_t>(primitive[i].value);
  return table;
}
static_assert(CostProfile::kMostCycles <= UINT32_MAX);

Result<CostProfile> parse_cost_profile(std::string_view text, std::string_view origin) {
  const Reader reader(origin);
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) return fail(ExitCode::kInput, text::tr("hwmodel.cost.no_json", origin));
  BOOST_OUTCOME_TRYV(reader.only(root, {"name", "machine", "tlb_profile", "clock_hz", "instructions", "primitives"}, ""));
  CostProfile profile;
  profile.name = BOOST_OUTCOME_TRYX(reader.text_of(root, "name", "name"));
  profile.machine = BOOST_OUTCOME_TRYX(reader.text_of(root, "machine", "machine"));
  profile.tlb_profile = BOOST_OUTCOME_TRYX(reader.text_of(root, "tlb_profile", "tlb_profile"));
  if (!find_tlb_profile(profile.tlb_profile)) {
    std::vector<std::string> names;
    for (const TlbProfile& tlb : tlb_profiles()) names.push_back(tlb.name);
    return fail(ExitCode::kInput, text::tr("hwmodel.cost.tlb_profile", origin, profile.tlb_profile.substr(0, 60), fmt::join(names, ", ")));
  }
  profile.clock_hz = BOOST_OUTCOME_TRYX(reader.number(root, "clock_hz", "clock_hz", "value", kLeastClock, kMostClock));
  BOOST_OUTCOME_TRYV(reader.numbers(root, "instructions", kCostClassNames, 1, CostProfile::kMostInstructionCycles, profile.instruction));
  BOOST_OUTCOME_TRYV(reader.numbers(root, "primitives", kPrimitiveNames, 0, CostProfile::kMostCycles, profile.primitive));
  return profile;
}

nlohmann::ordered_json to_json(const CostProfile& profile) {
  using ordered = nlohmann::ordered_json;
  const auto number = [](const CostNumber& n, const char* member) {
    return ordered{{member, n.value}, {"kind", name_of(n.kind)}, {"source", n.source}};
  };
  ordered out = {{"name", profile.name}, {"machine", profile.machine}, {"tlb_profile", profile.tlb_profile}};
  out["clock_hz"] = number(profile.clock_hz, "value");
  for (size_t i = 0; i < kCostClasses; ++i)
    out["instructions"][std::string(kCostClassNames[i])] = number(profile.instruction[i], "cycles");
  for (size_t i = 0; i < kPrimitives; ++i)
    out["primitives"][std::string(kPrimitiveNames[i])] = number(profile.primitive[i], "cycles");
  return out;
}

}  // namespace ringside::hw
