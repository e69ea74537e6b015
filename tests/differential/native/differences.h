// What the comparison must not insist on, read from data files: results the manual leaves undefined (undefined.txt), differences that
// are known and explained (known_differences.txt), and instructions that are not run at all (excluded.txt).
//
// Rows of the first two:  MNEMONICS | CONDITIONS | WHAT | SOURCE OR REASON
//   MNEMONICS   separated by blanks; a trailing * stands for any ending
//   CONDITIONS  all must hold: always | amd intel (the host) | count=0 count!=0 count>1 count!=1 count>size count>=size (shifts) | zf (set
//               by the CPU) | size:16 | memory (first operand) | fault nofault | unmasked-sse unmasked-x87 | out-of-range (of
//               F2XM1, FYL2XP1) | rep-prefix | mxcsr-mm (the CPU has set bit 17)
//   WHAT        cf pf af zf sf of | c0 c1 c2 c3 | fpu-flags fpu-pe fpu-ue (with the summary bits) | mxcsr-flags mxcsr-pe | destination (registers and memory) |
//               vector error | memory:OFFSET+BYTES (from the operand's address) | st:ULPS (ST registers may differ by that many
//               units) | reciprocal (lanes within 1.5 * 2^-12) | everything
// Rows of excluded.txt:   MNEMONICS | REASON
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwmodel/isa/decoded.h"
#include "tests/differential/native/test_case.h"

namespace ringside::differential {

struct ByteRange {
  unsigned offset, bytes;
};

// The parts of a result that are not compared.
struct Ignored {
  uint64_t flags = 0;
  uint16_t fpu_status = 0;
  uint32_t mxcsr = 0;
  bool destination = false, vector = false, error = false, reciprocal = false, everything = false;
  uint64_t st_ulps = 0;
  std::vector<ByteRange> memory;
};

struct Row {
  std::vector<std::string> mnemonics, conditions, what;
  std::string source;
  int line = 0;
};

class Differences {
 public:
  // Reads the files of `folder`. Throws std::runtime_error naming file, line and word that cannot be understood.
  explicit Differences(const std::string& folder);
  // `decoded` and `c` describe the case after the real CPU has run it.
  Ignored ignored(const hw::Decoded& decoded, const Case& c) const;
  bool excluded(std::string_view mnemonic) const;

 private:
  std::vector<Row> rows_;
  std::vector<Row> excluded_;
};

// Value of an explicit register or immediate operand before the instruction.
uint64_t operand_value(const hw::Decoded& decoded, unsigned i, const Case& c);

}  // namespace ringside::differential
