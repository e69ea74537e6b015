// Where cost profiles come from: those built in, and files.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <span>

#include "hwmodel/cost/built_in.h"
#include "hwmodel/cost/profile.h"
#include "traces/base/text.h"

namespace ringside::hw {
namespace {

constexpr size_t kLargestFile = 1 << 20;  // a profile has 10 KiB

std::span<const BuiltInProfile> built_in() { return {kBuiltInProfiles, kBuiltInProfileCount}; }

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::vector<std::string> cost_profile_names() {
  std::vector<std::string> names;
  for (const BuiltInProfile& profile : built_in()) names.emplace_back(profile.name);
  return names;
}

Result<CostProfile> load_cost_profile(const std::string& name_or_path) {
  for (const BuiltInProfile& profile : built_in()) {
    if (name_or_path == profile.name) return parse_cost_profile(profile.json, name_or_path);
  }
  const std::unique_ptr<std::FILE, Close> file(std::fopen(name_or_path.c_str(), "rb"));
  std::string text(kLargestFile + 1, '\0');
  text.resize(file ? std::fread(text.data(), 1, text.size(), file.get()) : 0);
  if (!file || std::ferror(file.get()))
    return fail(ExitCode::kInput, text::tr("hwmodel.cost.not_found", name_or_path, fmt::join(cost_profile_names(), ", ")));
  if (text.size() > kLargestFile) return fail(ExitCode::kInput, text::tr("hwmodel.cost.too_large", name_or_path, kLargestFile));
  return parse_cost_profile(text, name_or_path);
}

}  // namespace ringside::hw
