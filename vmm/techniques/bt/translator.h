// Turns a basic block of the guest's kernel into a Translation. Pure: reads bytes, writes no memory of the guest's or
// the cache's. The engine decides when, and where the code goes.
#pragma once

#include <functional>
#include <memory>
#include <unordered_set>

#include "vmm/techniques/bt/guest_code.h"
#include "vmm/techniques/bt/translation.h"

namespace ringside::vmm::bt {

constexpr unsigned kLongestTranslation = 8 << 10;  // bytes of code

// Linear addresses a translation refers to.
struct Places {
  uint64_t state = 0;        // the state page
  uint64_t cache = 0;        // the translation cache
  uint32_t lookup_stub = 0;  // offsets in the cache: the code that looks in the hash table
  uint32_t miss_stub = 0;    // and the trap where nothing is found
};

struct TranslatorOptions {
  unsigned longest_block = 32;  // instructions, at most 48: see kLongestTranslation
};

class Translator {
 public:
  Translator(const TranslatorOptions& options, const Places& places) : options_(options), places_(places) {}

  // The block at `rip`, for the place `offset` in the cache; null where no instruction can be fetched there.
  // Instructions at addresses in `called_out` become call-outs. `next_site` numbers the indirect branches.
  std::unique_ptr<Translation> translate(GuestCode& code, uint64_t rip, uint32_t offset,
                                         const std::unordered_set<uint64_t>& called_out, uint32_t& next_site) const;

  // The code all translations share: written once, at cache_layout::kStubs. Gives the positions of its parts.
  struct Stubs {
    Translation code;               // has positions, no instructions
    uint32_t lookup = 0, miss = 0;  // offsets in the cache
  };
  Stubs stubs() const;

 private:
  TranslatorOptions options_;
  Places places_;
};

}  // namespace ringside::vmm::bt
