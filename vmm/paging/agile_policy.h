// When a guest table is shadowed and when it is left to the nested dimension (Gandhi, Hill, Swift, ISCA 2016): written
// twice within an interval it becomes nested; without a write for a whole interval it is shadowed again.
// Only the decision: agile_paging carries it out and tells what it sees.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "vmm/paging/guest_ram.h"

namespace ringside::vmm {

struct AgilePolicyOptions {
  unsigned writes = 2;               // within an interval: the table becomes nested
  uint64_t interval = 10'000'000;    // in modelled cycles. MODEL: 10 ms; runs here last seconds, not the paper's minutes
};

class AgilePolicy {
 public:
  AgilePolicy(const GuestRam& ram, const AgilePolicyOptions& options) : ram_(ram), options_(options) {}

  // A shadowed table was written. True: it is to become nested.
  bool written(uint64_t page);
  void became_nested(uint64_t page) { nested_[page] = contents(page); }
  // Time went by. At the end of an interval, the nested tables whose contents did not change in it: they go back.
  // MODEL: contents are compared where the paper proposes the dirty flags of the nested tables, because with those
  // switched on every walk of a guest table counts as a write to it [SDM 3C 28.3.5].
  std::vector<uint64_t> quiet(uint64_t now);
  std::vector<uint64_t> all() const;  // nested now
  size_t nested_count() const { return nested_.size(); }
  void forget_all() {
    writes_.clear();
    nested_.clear();
  }

 private:
  uint64_t contents(uint64_t page) const;

  GuestRam ram_;
  AgilePolicyOptions options_;
  uint64_t interval_ = 0;
  std::unordered_map<uint64_t, unsigned> writes_;   // in this interval, by page
  std::unordered_map<uint64_t, uint64_t> nested_;   // digest of the contents at the start of the interval, by page
};

}  // namespace ringside::vmm
