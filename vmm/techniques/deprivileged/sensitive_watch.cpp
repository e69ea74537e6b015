#include "vmm/techniques/deprivileged/sensitive_watch.h"

#include <algorithm>
#include <utility>

#include "hwmodel/isa/decoded.h"
#include "hwmodel/isa/sensitive.h"
#include "traces/base/text.h"

namespace ringside::vmm {
namespace {

constexpr size_t kMostSites = 100'000;  // a hostile guest may have them everywhere
constexpr size_t kToldSites = 6;

}  // namespace

// What a guest's users execute is as unnoticed under native.
void SensitiveWatch::on_sensitive(const hw::InstructionInfo& row, uint64_t rip, unsigned) {
  last_ = ~0ull;
  if (guest_.cpl == 3) return;
  ++total_;
  if (sites_.size() >= kMostSites && !sites_.contains(rip)) return;
  Site& site = sites_[rip];
  site.row = &row;
  ++site.count;
  last_ = rip;
}

void SensitiveWatch::on_trap(uint64_t rip) {
  if (std::exchange(last_, ~0ull) != rip) return;
  --total_;
  if (const auto at = sites_.find(rip); --at->second.count == 0) sites_.erase(at);
}

void SensitiveWatch::on_unimplemented(std::string_view instruction, uint64_t rip) {
  if (next_) next_->on_unimplemented(instruction, rip);
}

std::vector<std::string> SensitiveWatch::findings() const {
  std::vector<std::string> told;
  if (!total_) return told;
  std::vector<std::pair<uint64_t, Site>> most(sites_.begin(), sites_.end());
  std::stable_sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  told.push_back(text::tr("vmm.trap.unnoticed", total_, sites_.size()));
  for (size_t i = 0; i < std::min(kToldSites, most.size()); ++i) {
    const auto& [rip, site] = most[i];
    told.push_back(text::tr("vmm.trap.unnoticed_site", ZydisMnemonicGetString(site.row->mnemonic), rip, site.count, hw::why_sensitive(*site.row), site.row->section));
  }
  return told;
}

}  // namespace ringside::vmm
