#include "vmm/techniques/bt/translation_cache.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "hwmodel/machine/cpu_state.h"
#include "vmm/techniques/bt/classify.h"
#include "vmm/techniques/bt/state_page.h"

namespace ringside::vmm::bt {
namespace {

constexpr uint64_t kPageMask = ~uint64_t{kPageSize - 1};

unsigned bucket_of(uint64_t rip) { return static_cast<unsigned>(rip & (cache_layout::kHashEntries - 1)); }

void erase_one(std::vector<Translation*>& list, Translation* t) {
  const auto it = std::find(list.begin(), list.end(), t);
  if (it != list.end()) list.erase(it);
}
template <class Map, class Key>
void erase_from(Map& map, const Key& key, Translation* t) {
  const auto it = map.find(key);
  if (it == map.end()) return;
  erase_one(it->second, t);
  if (it->second.empty()) map.erase(it);
}

// Bits 15:8 of RFLAGS that POPF cannot take over in line: TF would trap in the cache, IOPL is virtual.
PopfRule popf_rule(unsigned flags_15_8, PopfTable table) {
  const uint64_t flags = uint64_t{flags_15_8} << 8;
  const bool interrupts = flags & hw::rflags::kIf;
  const bool refuse = flags & (hw::rflags::kTf | hw::rflags::kIopl) || table == PopfTable::kAlwaysRefuse ||
                      (table == PopfTable::kInterruptWaits && interrupts);
  return {.refuse = refuse, .interrupt_flag = static_cast<uint32_t>(interrupts ? hw::rflags::kIf : 0)};
}

}  // namespace

TranslationCache::TranslationCache(CacheMemory memory, unsigned generations, OnInvalidation on_invalidation)
    : memory_(std::move(memory)), on_invalidation_(std::move(on_invalidation)), generations_(generations) {
  const uint64_t size = memory_.pages.size() * kPageSize;
  const auto room = static_cast<uint32_t>(size - cache_layout::kTranslations);
  const uint32_t each = room / generations / 64 * 64;
  assert(size > cache_layout::kTranslations && each >= kLongestTranslation);
  for (unsigned i = 0; i < generations; ++i) {
    generations_[i].begin = generations_[i].next = cache_layout::kTranslations + i * each;
    generations_[i].end = generations_[i].begin + each;
  }
}

void TranslationCache::start(const Translator::Stubs& stubs, uint32_t miss_stub) {
  miss_stub_ = miss_stub;
  const std::vector<uint64_t> empty(cache_layout::kHashEntries, memory_.linear + miss_stub);
  write(cache_layout::kHash, {reinterpret_cast<const uint8_t*>(empty.data()), empty.size() * 8});
  for (const PopfTable table : {PopfTable::kUsual, PopfTable::kInterruptWaits, PopfTable::kAlwaysRefuse}) {
    PopfRules rules;
    for (unsigned i = 0; i < rules.size(); ++i) rules[i] = popf_rule(i, table);
    write(cache_layout::kPopf + static_cast<uint32_t>(table) * sizeof rules,
          {reinterpret_cast<const uint8_t*>(rules.data()), sizeof rules});
  }
  uint8_t high[256];
  for (unsigned i = 0; i < 256; ++i) high[i] = (uint64_t{i} << 16 & hw::rflags::kAc) != 0;
  write(cache_layout::kPopfHigh, high);
  write(cache_layout::kStubs, stubs.code.code);
}

void TranslationCache::flush(Invalidation cause) {
  for (Generation& g : generations_) {
    for (auto& t : g.translations) drop(*t, cause);
    g.translations.clear();
    g.next = g.begin;
  }
  current_ = 0;
}

// --- memory
// -----------------------------------------------------------------------------------------------------------------

void TranslationCache::write(uint32_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto part = std::min<size_t>(bytes.size(), kPageSize - (offset & (kPageSize - 1)));
    uint8_t* to = memory_.pages[offset >> kPageShift] + (offset & (kPageSize - 1));
    std::memcpy(to, bytes.data(), part);
    if (memory_.written) memory_.written(to, static_cast<unsigned>(part));
    offset += static_cast<uint32_t>(part);
    bytes = bytes.subspan(part);
  }
}

void TranslationCache::write_word(uint32_t offset, uint64_t value, unsigned size) {
  uint8_t bytes[8];
  std::memcpy(bytes, &value, sizeof bytes);
  write(offset, {bytes, size});
}

// Points the jump whose rel32 is at `rel32` of `from` to a place in the cache.
void TranslationCache::jump(const Translation& from, unsigned rel32, uint32_t target_offset) {
  const uint32_t place = from.offset + rel32;
  write_word(place, target_offset - (place + 4), 4);
}

void TranslationCache::make_room() {
  current_ = (current_ + 1) % generations_.size();
  Generation& g = generations_[current_];
  for (auto& t : g.translations) drop(*t, Invalidation::kEvicted);
  g.translations.clear();
  g.next = g.begin;
}

Translation& TranslationCache::add(std::unique_ptr<Translation> translation) {
  Generation& g = generations_[current_];
  assert(translation->offset == g.next && fits(translation->code.size()));
  Translation& t = *translation;
  t.generation = current_;
  write(t.offset, t.code);
  g.next += static_cast<uint32_t>((t.code.size() + 15) / 16 * 16);
  g.next = std::min(g.next, g.end);
  g.translations.push_back(std::move(translation));
  by_rip_[t.rip].push_back(&t);
  for (unsigned i = 0; i < t.pages; ++i) by_physical_[t.physical[i]].push_back(&t);
  for (unsigned i = 0; i < t.sites.size(); ++i) sites_[t.sites[i].id] = {&t, i};
  register_virtual(t);
  return t;
}

// --- finding
// ----------------------------------------------------------------------------------------------------------------

std::span<Translation* const> TranslationCache::all_at(uint64_t rip) const {
  const auto it = by_rip_.find(rip);
  return it == by_rip_.end() ? std::span<Translation* const>() : std::span<Translation* const>(it->second);
}

Translation* TranslationCache::active(uint64_t rip) const {
  for (Translation* t : all_at(rip)) {
    if (t->state == Translation::State::kActive) return t;
  }
  return nullptr;
}

Translation* TranslationCache::dormant(uint64_t rip, const uint64_t (&physical)[2]) const {
  for (Translation* t : all_at(rip)) {
    if (t->state == Translation::State::kDormant && t->physical[0] == physical[0] &&
        (t->pages == 1 || t->physical[1] == physical[1]))
      return t;
  }
  return nullptr;
}

Translation* TranslationCache::at_code(uint32_t offset) const {
  for (const Generation& g : generations_) {
    if (offset < g.begin || offset >= g.next) continue;
    const auto after = std::upper_bound(g.translations.begin(), g.translations.end(), offset,
                                        [](uint32_t o, const auto& t) { return o < t->offset; });
    if (after == g.translations.begin()) return nullptr;
    Translation* t = std::prev(after)->get();
    return offset - t->offset < t->code.size() ? t : nullptr;
  }
  return nullptr;
}

TranslationCache::SiteRef TranslationCache::site(uint32_t id) const {
  const auto it = sites_.find(id);
  return it == sites_.end() ? SiteRef{} : it->second;
}

std::vector<uint64_t> TranslationCache::physical_pages() const {
  std::vector<uint64_t> pages;
  for (const auto& [page, list] : by_physical_) pages.push_back(page);
  std::sort(pages.begin(), pages.end());
  return pages;
}

uint64_t TranslationCache::bytes_in_use() const {
  uint64_t sum = 0;
  for (const Generation& g : generations_) sum += g.next - g.begin;
  return sum;
}

size_t TranslationCache::count() const {
  size_t sum = 0;
  for (const auto& [rip, list] : by_rip_) sum += list.size();
  return sum;
}

// --- jumps
// ------------------------------------------------------------------------------------------------------------------

// In the displacement of a LEA, negated.
bool TranslationCache::can_remember(uint64_t rip) { return fits_32(0 - rip); }

void TranslationCache::link_exit(Translation& from, unsigned index, Translation& to) {
  Exit& exit = from.exits[index];
  assert(exit.linkable && !exit.linked && exit.rip == to.rip && to.state == Translation::State::kActive);
  exit.linked = &to;
  to.linked_from.push_back(&from);
  jump(from, exit.jump, to.offset + to.main_entry);
}

void TranslationCache::link_site(Translation& from, unsigned index, Translation& to) {
  Site& site = from.sites[index];
  assert(site.compare && !site.linked && can_remember(to.rip) && to.state == Translation::State::kActive);
  site.linked = &to;
  to.linked_from.push_back(&from);
  jump(from, site.jump, to.offset + to.main_entry);
  write_word(from.offset + site.compare, 0 - to.rip, 4);
}

void TranslationCache::publish(Translation& t) {
  if (t.in_bucket) return;
  t.in_bucket = true;
  auto& bucket = buckets_[bucket_of(t.rip)];
  bucket.insert(bucket.begin(), &t);
  rewrite_bucket(bucket_of(t.rip));
}

void TranslationCache::unpublish(Translation& t) {
  if (!t.in_bucket) return;
  t.in_bucket = false;
  erase_from(buckets_, bucket_of(t.rip), &t);
  rewrite_bucket(bucket_of(t.rip));
}

// The table leads to the first of the bucket, each of those to the next, the last to the miss trap.
void TranslationCache::rewrite_bucket(unsigned bucket) {
  const auto it = buckets_.find(bucket);
  const uint32_t entry = cache_layout::kHash + bucket * 8;
  if (it == buckets_.end()) return write_word(entry, memory_.linear + miss_stub_, 8);
  const auto& list = it->second;
  write_word(entry, memory_.linear + list.front()->offset, 8);
  for (size_t i = 0; i < list.size(); ++i) {
    jump(*list[i], list[i]->mismatch_jump, i + 1 < list.size() ? list[i + 1]->offset : miss_stub_);
  }
}

// --- their end
// --------------------------------------------------------------------------------------------------------------

void TranslationCache::unlink_incoming(Translation& t) {
  for (Translation* from : t.linked_from) {
    for (Exit& exit : from->exits) {
      if (exit.linked != &t) continue;
      exit.linked = nullptr;
      jump(*from, exit.jump, from->offset + exit.stub);
    }
    for (Site& site : from->sites) {
      if (site.linked != &t) continue;
      site.linked = nullptr;
      jump(*from, site.jump, from->offset + site.stub);
      write_word(from->offset + site.compare, 0, 4);
    }
  }
  t.linked_from.clear();
}

void TranslationCache::unlink_outgoing(Translation& t) {
  for (Exit& exit : t.exits) {
    if (exit.linked) erase_one(exit.linked->linked_from, &t);
    exit.linked = nullptr;
  }
  for (Site& site : t.sites) {
    if (site.linked) erase_one(site.linked->linked_from, &t);
    site.linked = nullptr;
  }
}

void TranslationCache::register_virtual(Translation& t) {
  for (unsigned i = 0; i < t.pages; ++i) {
    VirtualPage& page = by_virtual_[(t.rip & kPageMask) + i * kPageSize];
    page.physical = t.physical[i];
    page.translations.push_back(&t);
  }
}

void TranslationCache::unregister_virtual(Translation& t) {
  for (unsigned i = 0; i < t.pages; ++i) {
    const auto it = by_virtual_.find((t.rip & kPageMask) + i * kPageSize);
    if (it == by_virtual_.end()) continue;
    erase_one(it->second.translations, &t);
    if (it->second.translations.empty()) by_virtual_.erase(it);
  }
}

void TranslationCache::put_to_sleep(Translation& t) {
  if (t.state != Translation::State::kActive) return;
  t.state = Translation::State::kDormant;
  unlink_incoming(t);
  unpublish(t);
  unregister_virtual(t);
}

void TranslationCache::wake(Translation& t) {
  assert(t.state == Translation::State::kDormant);
  t.state = Translation::State::kActive;
  register_virtual(t);
}

void TranslationCache::drop(Translation& t, Invalidation cause) {
  if (t.state == Translation::State::kDropped) return;
  put_to_sleep(t);
  t.state = Translation::State::kDropped;
  unlink_outgoing(t);
  erase_from(by_rip_, t.rip, &t);
  for (unsigned i = 0; i < t.pages; ++i) erase_from(by_physical_, t.physical[i], &t);
  for (const Site& site : t.sites) sites_.erase(site.id);
  if (on_invalidation_) on_invalidation_(t, cause);
}

unsigned TranslationCache::drop_written(uint64_t physical, unsigned size) {
  const uint64_t page = physical & kPageMask, first = physical - page, last = first + size - 1;
  const auto it = by_physical_.find(page);
  if (it == by_physical_.end()) return 0;
  std::vector<Translation*> hit;
  for (Translation* t : it->second) {
    const uint64_t begin = t->rip & (kPageSize - 1), end = begin + t->guest_bytes;
    const bool in_first = t->physical[0] == page && first < end && last >= begin;
    const bool in_second = t->pages == 2 && t->physical[1] == page && end > kPageSize && first < end - kPageSize;
    if (in_first || in_second) hit.push_back(t);
  }
  for (Translation* t : hit) drop(*t, Invalidation::kWritten);
  return static_cast<unsigned>(hit.size());
}

}  // namespace ringside::vmm::bt
