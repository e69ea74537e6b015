// Makes random cases: an instruction from the allow list (rows of the instruction table, unprivileged and not excluded), random but
// often special operands, and memory operands that point into the window. A seed makes the same cases everywhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hwmodel/isa/decoded.h"
#include "tests/differential/native/differences.h"
#include "tests/differential/native/test_case.h"

namespace ringside::differential {

// SplitMix64: small, and the same on every host.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t n) { return next() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  uint64_t state_;
};

// How to encode one form of an instruction; registers, displacement and immediate are chosen anew for each case.
struct Form {
  ZydisMnemonic mnemonic;
  uint8_t mandatory_prefix;   // 0 or 66, F2, F3
  uint8_t map;                // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A
  uint8_t opcode;
  uint8_t reg;                // ModRM.reg where it is part of the opcode
  uint8_t rm;                 // of x87 register forms
  bool memory, wide, reg_fixed, rm_fixed;
};

class Generator {
 public:
  // `only`: mnemonics matching this pattern (trailing * allowed); empty: all.
  Generator(const Differences& differences, const std::string& only);
  // All mnemonics it can make.
  const std::vector<ZydisMnemonic>& mnemonics() const { return mnemonics_; }

  void pages(Random& random, Page& read_only, Page& read_write) const;
  // Case number `slot` of a batch.
  Case make(Random& random, unsigned slot) const;

 private:
  void collect(const Differences& differences, const std::string& only);
  bool encode(Random& random, const Form& form, Case& c, hw::Decoded& d) const;

  std::map<ZydisMnemonic, std::vector<Form>> forms_;
  std::vector<ZydisMnemonic> mnemonics_;
};

// Decodes with every extension known, as the host does; false if the model's decoder sees another instruction.
bool decode_both(std::span<const uint8_t> bytes, hw::Decoded& out);

}  // namespace ringside::differential
