// The names a run may use for machine, technique and paging, and which of them exist so far. Techniques become folders of
// vmm/techniques that describe themselves; until one exists, its name is known here so that asking for it gets an answer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::sim {

enum class Availability : uint8_t { kExists, kPlanned };

struct NameFacts {
  std::string_view name;
  Availability availability;
  std::string_view meaning;  // catalogue key of one line
};

std::span<const NameFacts> machine_names();
std::span<const NameFacts> technique_names();
std::span<const NameFacts> paging_names();

// Names only; `existing_names` those that can be run now.
std::vector<std::string> names_of(std::span<const NameFacts> facts);
std::vector<std::string> existing_names(std::span<const NameFacts> facts);
const NameFacts* find_name(std::span<const NameFacts> facts, std::string_view name);

}  // namespace ringside::sim
