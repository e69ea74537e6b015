// Compares the two outcomes of one test: names of the fields that differ, and a report a person can act on.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tests/unicorn/known_differences.h"
#include "tests/unicorn/test_case.h"

namespace ringside::differential {

struct Difference {
  std::string field;
  std::string text;
};

// Flags the manual leaves undefined for this instruction (Zydis's table) are not compared.
std::vector<Difference> compare(const TestCase& test, const Outcome& model, const Outcome& reference, std::span<const uint8_t> model_memory,
                                std::span<const uint8_t> reference_memory, uint64_t uncompared_flags);
std::string mnemonic_of(const TestCase& test);
std::string describe(const TestCase& test);

}  // namespace ringside::differential
