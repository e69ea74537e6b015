// Differences judged to be Unicorn's fault, read from known_differences.txt: which fields of which instruction are not compared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unicorn/test_case.h"

namespace ringside::differential {

struct KnownDifference {
  std::string mode;       // a name of Mode, or *
  std::string mnemonic;   // lower case, may end in *; +CONDITION narrows it (known_differences.txt lists them)
  std::string field;      // gpr, rip, flags, cr0, cr2, selectors, memory, ending, or all; flags:CF|OF for some flags only
  std::string reason;
  unsigned used = 0;
};

class KnownDifferences {
 public:
  // False if the file is missing or a line has no reason.
  bool load(const std::string& path, std::string& error);
  // Does a line cover this field of this instruction?
  bool covers(const TestCase& test, std::string_view mnemonic, std::string_view field);
  // Flags a line excludes for this instruction.
  uint64_t uncompared_flags(const TestCase& test, std::string_view mnemonic) const;
  const std::vector<KnownDifference>& entries() const { return entries_; }

 private:
  std::vector<KnownDifference> entries_;
};

}  // namespace ringside::differential
