// The translation cache: the memory translations lie in, the ways to find them (by guest address, by guest-physical
// page, by place in the cache), the jumps between them, and their end: dropped when the guest writes their bytes,
// asleep while their addresses are mapped to something else, evicted by generations when room runs out. Policy is the
// engine's (engine.h).
//
//   0                 kPopf        kStubs      kTranslations                                                    size
//   | hash table ...  | POPF rules | stubs ... | generation 0: block block block | generation 1: ... | ...      |
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "vmm/techniques/bt/translator.h"

namespace ringside::vmm::bt {

using traces::Invalidation;

// The cache's bytes as the monitor reaches them: pages that need not lie side by side.
struct CacheMemory {
  uint64_t linear = 0;           // where the guest's processor sees them
  std::vector<uint8_t*> pages;   // of 4 KiB each
  // After each write, within one page: for processors that keep code decoded. May be empty.
  std::function<void(const uint8_t* host, unsigned size)> written;
};

class TranslationCache {
 public:
  using OnInvalidation = std::function<void(const Translation&, Invalidation)>;
  // The memory has room for cache_layout::kTranslations and `generations` times kLongestTranslation bytes at least.
  TranslationCache(CacheMemory memory, unsigned generations, OnInvalidation on_invalidation);

  // Empties the cache and writes what translations rely on.
  void start(const Translator::Stubs& stubs, uint32_t miss_stub);
  void flush(Invalidation cause);

  // --- room ---
  uint32_t next_offset() const { return generations_[current_].next; }
  bool fits(size_t bytes) const { return generations_[current_].end - generations_[current_].next >= bytes; }
  // Empties the oldest generation and makes it the current one.
  void make_room();
  // A translation made for next_offset(), which fits.
  Translation& add(std::unique_ptr<Translation> translation);

  // --- finding ---
  Translation* active(uint64_t rip) const;
  // One asleep whose bytes are on these guest-physical pages.
  Translation* dormant(uint64_t rip, const uint64_t (&physical)[2]) const;
  std::span<Translation* const> all_at(uint64_t rip) const;
  // The translation whose code has `offset`, even a dropped one while its code is still there.
  Translation* at_code(uint32_t offset) const;
  struct SiteRef {
    Translation* translation = nullptr;
    unsigned index = 0;
  };
  SiteRef site(uint32_t id) const;
  bool has_translations(uint64_t physical_page) const { return by_physical_.contains(physical_page); }
  std::vector<uint64_t> physical_pages() const;
  // Guest-virtual pages active translations were made from, with the guest-physical ones.
  struct VirtualPage {
    uint64_t physical = 0;
    std::vector<Translation*> translations;
  };
  const std::unordered_map<uint64_t, VirtualPage>& virtual_pages() const { return by_virtual_; }

  // --- jumps ---
  void link_exit(Translation& from, unsigned exit, Translation& to);
  void link_site(Translation& from, unsigned site, Translation& to);  // the in-line cache; `to` can be remembered
  static bool can_remember(uint64_t rip);
  void publish(Translation& t);  // in the hash table

  // --- their end ---
  void put_to_sleep(Translation& t);
  void wake(Translation& t);
  void drop(Translation& t, Invalidation cause);
  // Drops those with bytes in [physical, physical + size), within one page; how many.
  unsigned drop_written(uint64_t physical, unsigned size);

  uint64_t linear() const { return memory_.linear; }
  uint64_t bytes_in_use() const;
  size_t count() const;  // active and asleep

 private:
  struct Generation {
    uint32_t begin = 0, end = 0, next = 0;
    std::vector<std::unique_ptr<Translation>> translations;  // by ascending offset
  };

  void write(uint32_t offset, std::span<const uint8_t> bytes);
  void write_word(uint32_t offset, uint64_t value, unsigned size);
  void jump(const Translation& from, unsigned rel32, uint32_t target_offset);
  void unpublish(Translation& t);
  void rewrite_bucket(unsigned bucket);
  void unlink_incoming(Translation& t);
  void unlink_outgoing(Translation& t);
  void register_virtual(Translation& t);
  void unregister_virtual(Translation& t);

  CacheMemory memory_;
  OnInvalidation on_invalidation_;
  uint32_t miss_stub_ = 0;
  unsigned current_ = 0;
  std::vector<Generation> generations_;
  std::unordered_map<uint64_t, std::vector<Translation*>> by_rip_, by_physical_;
  std::unordered_map<uint64_t, VirtualPage> by_virtual_;
  std::unordered_map<uint32_t, SiteRef> sites_;
  std::unordered_map<unsigned, std::vector<Translation*>> buckets_;  // of the hash table, in the order they are tried
};

}  // namespace ringside::vmm::bt
