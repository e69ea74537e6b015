// Random instructions with operands that make sense: any encoding the model implements in that mode, registers set so that memory
// operands fall into the data window. The same seed gives the same tests.
#pragma once

#include <cstdint>
#include <optional>

#include "hwmodel/isa/decoded.h"
#include "tests/unicorn/test_case.h"

namespace ringside::differential {

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) { state_ = random() ^ seed << 32; }  // neighbouring seeds share no stream
  TestCase next(Mode mode, uint64_t address);

 private:
  uint64_t random();
  uint64_t below(uint64_t n) { return random() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  uint64_t value();
  void encode(Mode mode, uint8_t* bytes);
  void registers(TestCase& test, const hw::Decoded& d);
  // Returns the linear address really hit: a scaled index alone may miss by a few bytes.
  uint64_t aim_memory_operand(TestCase& test, const hw::Decoded& d, const ZydisDecodedOperandMem& mem, uint64_t linear);
  void aim_branch(TestCase& test, const hw::Decoded& d);
  void aim_strings(TestCase& test, const hw::Decoded& d);
  void selector_operand(TestCase& test, const hw::Decoded& d);
  uint64_t state_;
};

// True if this instruction can be compared at CPL 0 without a system around it.
bool comparable(const hw::Decoded& d, Mode mode);

}  // namespace ringside::differential
