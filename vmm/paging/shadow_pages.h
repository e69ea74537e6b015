// What the shadow tables know about each page of guest RAM: which shadow leaves map it, which shadow tables shadow it
// when it holds a guest table, and whether writes to it must be seen. Kept by region of 2 MiB, made on first use.
// Called by shadow_tables.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "vmm/paging/shadow_table.h"

namespace ringside::vmm {

class ShadowPages {
 public:
  static constexpr unsigned kRegionShift = 21;

  explicit ShadowPages(uint64_t guest_end) : regions_((guest_end >> kRegionShift) + 1) {}

  // Shadow leaves of 4 KiB that map the page, and of 2 MiB that map its region. The page is guest RAM.
  std::vector<EntryRef>& leaves(uint64_t page) { return region(page).leaves[slot(page)]; }
  std::vector<EntryRef>& large_leaves(uint64_t page) { return region(page).large; }
  static void remove(std::vector<EntryRef>& refs, EntryRef ref) {
    const auto at = std::find(refs.rbegin(), refs.rend(), ref);  // what was added last often goes first
    if (at == refs.rend()) return;
    *at = refs.back();
    refs.pop_back();
  }

  // A guest table with at least one shadow table in sync: writes to it must be seen.
  bool is_protected(uint64_t page) const {
    const Region* r = find(page);
    return r && r->is_protected[slot(page)];
  }
  // Stores to the page matter to somebody else (translated code): protected though no table is there.
  bool is_traced(uint64_t page) const {
    const Region* r = find(page);
    return r && r->traced[slot(page)];
  }
  void set_traced(uint64_t page, bool on) {
    Region& r = region(page);
    if (r.traced[slot(page)] == on) return;
    r.traced[slot(page)] = on;
    on ? ++r.tables : --r.tables;
    update(page);
  }
  // Whether a 2 MiB leaf may map the region: no page of it is shadowed or traced.
  bool has_tables(uint64_t page) const {
    const Region* r = find(page);
    return r && r->tables;
  }

  struct TablePage {
    std::vector<ShadowTable*> shadows;
    std::vector<EntryRef> switches;  // agile: shadow entries that hand over to this guest table
    bool nested = false;             // agile: not to be shadowed
  };
  TablePage* find_table(uint64_t page) {
    const auto at = tables_.find(page);
    return at == tables_.end() ? nullptr : &at->second;
  }
  bool is_nested(uint64_t page) {
    const TablePage* t = find_table(page);
    return t && t->nested;
  }
  TablePage& table(uint64_t page) { return tables_[page]; }

  void add_shadow(uint64_t page, ShadowTable* shadow) {
    tables_[page].shadows.push_back(shadow);
    ++region(page).tables;
    update(page);
  }
  void remove_shadow(uint64_t page, ShadowTable* shadow) {
    TablePage& t = tables_[page];
    std::erase(t.shadows, shadow);
    --region(page).tables;
    update(page);
    forget_if_empty(page);
  }
  // A shadow of the page went out of sync, or into it.
  void update(uint64_t page) {
    const TablePage* t = find_table(page);
    Region& r = region(page);
    r.is_protected[slot(page)] = r.traced[slot(page)] ||
        (t && std::any_of(t->shadows.begin(), t->shadows.end(), [](const ShadowTable* s) { return !s->unsync; }));
  }
  void forget_if_empty(uint64_t page) {
    const TablePage* t = find_table(page);
    if (t && t->shadows.empty() && t->switches.empty() && !t->nested) tables_.erase(page);
  }

 private:
  struct Region {
    std::array<std::vector<EntryRef>, 512> leaves;
    std::array<bool, 512> is_protected{}, traced{};
    std::vector<EntryRef> large;
    unsigned tables = 0;
  };
  static unsigned slot(uint64_t page) { return page >> 12 & 511; }
  const Region* find(uint64_t page) const {
    const uint64_t index = page >> kRegionShift;
    return index < regions_.size() ? regions_[index].get() : nullptr;
  }
  Region& region(uint64_t page) {
    auto& r = regions_[page >> kRegionShift];
    if (!r) r = std::make_unique<Region>();
    return *r;
  }

  std::vector<std::unique_ptr<Region>> regions_;
  std::unordered_map<uint64_t, TablePage> tables_;
};

}  // namespace ringside::vmm
