// Unicorn (QEMU's translator as a library) as the reference: brought into the mode once, restored for each test.
#pragma once

#include <unicorn/unicorn.h>

#include <span>
#include <vector>

#include "tests/unicorn/test_case.h"

namespace ringside::differential {

class UnicornMachine {
 public:
  explicit UnicornMachine(Mode mode);
  ~UnicornMachine();
  UnicornMachine(const UnicornMachine&) = delete;

  Outcome run(const TestCase& test);
  std::span<const uint8_t> memory() const { return {memory_, layout::kBytes}; }
  // False where Unicorn could not be brought into the mode.
  bool ready() const { return ready_; }

 private:
  static void on_interrupt(uc_engine*, uint32_t vector, void* self);
  bool enter_mode();
  State read_state() const;
  Mode mode_;
  uint8_t* memory_ = nullptr;
  uc_engine* engine_ = nullptr;
  uc_context* context_ = nullptr;
  bool ready_ = false, interrupted_ = false;
  unsigned vector_ = 0;
};

}  // namespace ringside::differential
