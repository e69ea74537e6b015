#include "sim/techniques.h"

namespace ringside::sim {
namespace {

constexpr NameFacts kMachines[] = {
    {"model", Availability::kExists, "sim.machine.model"},
    {"kvm", Availability::kExists, "sim.machine.kvm"},
};

constexpr NameFacts kTechniques[] = {
    {"native", Availability::kExists, "sim.technique.native"},
    {"emulate", Availability::kExists, "sim.technique.emulate"},
    {"recompile", Availability::kPlanned, "sim.technique.recompile"},
    {"trap", Availability::kExists, "sim.technique.trap"},
    {"bt", Availability::kExists, "sim.technique.bt"},
    {"hw", Availability::kExists, "sim.technique.hw"},
    {"pv", Availability::kExists, "sim.technique.pv"},
    {"os", Availability::kPlanned, "sim.technique.os"},
};

constexpr NameFacts kPagings[] = {
    {"none", Availability::kExists, "sim.paging.none"},
    {"shadow", Availability::kExists, "sim.paging.shadow"},
    {"nested", Availability::kExists, "sim.paging.nested"},
    {"agile", Availability::kExists, "sim.paging.agile"},
    {"direct", Availability::kExists, "sim.paging.direct"},
};

}  // namespace

std::span<const NameFacts> machine_names() { return kMachines; }
std::span<const NameFacts> technique_names() { return kTechniques; }
std::span<const NameFacts> paging_names() { return kPagings; }

std::vector<std::string> names_of(std::span<const NameFacts> facts) {
  std::vector<std::string> names;
  for (const auto& fact : facts) names.emplace_back(fact.name);
  return names;
}

std::vector<std::string> existing_names(std::span<const NameFacts> facts) {
  std::vector<std::string> names;
  for (const auto& fact : facts)
    if (fact.availability == Availability::kExists) names.emplace_back(fact.name);
  return names;
}

const NameFacts* find_name(std::span<const NameFacts> facts, std::string_view name) {
  for (const auto& fact : facts)
    if (fact.name == name) return &fact;
  return nullptr;
}

}  // namespace ringside::sim
