// A ring of exits with their own copy of the data they point to.
#include "vmm/core/exit_history.h"

#include <algorithm>

namespace ringside::vmm {

void ExitHistory::push(const Exit& exit) {
  if (kept_.empty()) return;
  Kept& slot = kept_[pushed_++ % kept_.size()];
  slot.exit = exit;
  if (auto* port = std::get_if<PortExit>(&slot.exit.cause)) {
    const size_t bytes = std::min({port->data.size(), slot.data.size(), size_t{port->size}});
    std::copy_n(port->data.begin(), bytes, slot.data.begin());
    port->data = {};
  }
}

std::vector<ExitSummary> ExitHistory::summaries() const {
  const uint64_t count = std::min<uint64_t>(pushed_, kept_.size());
  std::vector<ExitSummary> result;
  for (uint64_t i = pushed_ - count; i < pushed_; ++i) {
    Kept kept = kept_[i % kept_.size()];
    if (auto* port = std::get_if<PortExit>(&kept.exit.cause)) port->data = std::span(kept.data).first(std::min<size_t>(port->size, 4));
    result.push_back({.info = kept.exit.info, .text = to_text(kept.exit.cause)});
  }
  return result;
}

}  // namespace ringside::vmm
