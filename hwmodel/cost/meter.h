// CycleMeter: a clock that advances by priced operations, with its account. Called by experiments and tests.
#pragma once

#include "hwmodel/cost/account.h"
#include "hwmodel/cost/profile.h"

namespace ringside::hw {

// Prices operations, charges them, and keeps the clock they advance: what an experiment without a machine needs. A
// machine has its own clock and charges the account itself.
class CycleMeter {
 public:
  explicit CycleMeter(const CostTable& costs) : costs_(costs) {}
  void spend(Primitive primitive, uint64_t times = 1) {
    const uint64_t cycles = times * costs_.of(primitive);
    elapsed_ += cycles;
    account_.charge(category_of(primitive), cycles);
  }
  Cycles elapsed() const { return elapsed_; }
  const CycleAccount& account() const { return account_; }

 private:
  CostTable costs_;
  Cycles elapsed_;
  CycleAccount account_;
};

}  // namespace ringside::hw
