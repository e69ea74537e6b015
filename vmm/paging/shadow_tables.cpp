#include "vmm/paging/shadow_tables.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ringside::vmm {

using namespace hw;

namespace {

constexpr unsigned kFloodLimit = 3;      // emulated writes to a table nobody walked meanwhile: it is no table any more
constexpr size_t kMostPageFlushes = 16;  // beyond that one flush of everything is cheaper

// Users are bound by read-only entries whatever CR0.WP says.
ShadowRole role_of(const PagingControls& controls, GuestView view) {
  return {.write_protect = controls.write_protect || view == GuestView::kUser,
          .no_execute = controls.no_execute,
          .view = view,
          .smep = is_kernel(view) && controls.smep};
}

constexpr unsigned index_of(uint64_t linear, unsigned level) { return linear >> ShadowFormat::shift(level) & 511; }

bool is_link(ShadowWord word, unsigned level) {
  return ShadowFormat::present(word) && !ShadowFormat::leaf(word, level) && !(word & (shadow_bit::kDevice | shadow_bit::kMonitor));
}

}  // namespace

ShadowTables::ShadowTables(MonitorMemory& monitor, const GuestRam& ram, NestedTables* nested)
    : monitor_(monitor), ram_(ram), nested_(nested), pages_(ram.end()) {
  const auto page = monitor.allocate();
  assert(page);
  empty_root_ = *page;
}

ShadowTables::~ShadowTables() {
  zap_all();
  monitor_.release(empty_root_);
}

// --- memory

HostPhysical ShadowTables::allocate() {
  for (;;) {
    if (const auto page = monitor_.allocate()) return *page;
    [[maybe_unused]] const bool freed = reclaim();
    assert(freed);
  }
}

bool ShadowTables::reclaim() {
  std::vector<uint64_t> victims;
  const size_t wanted = tables_.size() / 32 + 1;
  for (auto at = ages_.rbegin(); at != ages_.rend() && victims.size() < wanted; ++at) {
    const ShadowTable& table = **at;
    if (&table != root_ && table.last_fill != fill_number_) victims.push_back(table.key.packed());
  }
  for (const uint64_t key : victims) {
    const auto at = tables_.find(key);
    if (at == tables_.end()) continue;  // went with its parent
    const ShadowTable& table = *at->second;
    report_.step(PagingOperation::kReclaim, {.address = table.linear, .table = table.key.guest, .level = table.key.level});
    zap(*at->second);
    ++counters_.reclaimed;
  }
  if (!victims.empty()) return true;
  if (!nested_ || nested_->table_pages() == 1) return false;
  nested_->clear();
  pending_.nested = true;
  return true;
}

// --- tables

void ShadowTables::touch(ShadowTable& table) {
  table.last_fill = fill_number_;
  table.writes = 0;
  ages_.splice(ages_.begin(), ages_, table.age);
}

ShadowTable& ShadowTables::obtain(const ShadowKey& key, uint64_t linear) {
  const uint64_t packed = key.packed();
  const auto known = tables_.find(packed);
  ShadowTable* table;
  if (known != tables_.end()) {
    table = known->second.get();
    touch(*table);
  } else {
    const HostPhysical page = allocate();
    auto made = std::make_unique<ShadowTable>();
    table = made.get();
    table->key = key;
    table->page = page;
    table->entry = monitor_.entries(page);
    table->last_fill = fill_number_;
    table->age = ages_.insert(ages_.begin(), table);
    tables_.emplace(packed, std::move(made));
    by_page_.emplace(page.value, table);
    ++counters_.tables_made;
    report_.step(PagingOperation::kMake, {.address = linear, .table = key.guest, .level = key.level});
    if (!key.direct) {
      pages_.add_shadow(key.guest, table);
      tell_traced(key.guest);
      protect(key.guest);
    }
  }
  const uint64_t first = key.level >= 5 ? 0 : linear & ~bit_range(ShadowFormat::shift(key.level + 1u) - 1, 0);
  if (!table->placed) {
    table->placed = true;
    table->linear = first;
  } else if (table->linear != first) {
    table->scattered = true;
  }
  return *table;
}

ShadowTable* ShadowTables::child_of(ShadowWord word) {
  const auto at = by_page_.find(ShadowFormat::table(word));
  return at == by_page_.end() ? nullptr : at->second;
}

void ShadowTables::zap(ShadowTable& table) {
  ++counters_.tables_zapped;
  report_.step(PagingOperation::kZap, {.address = table.linear, .table = table.key.guest, .level = table.key.level});
  pending_.all = true;
  for (const EntryRef parent : table.parents) set_word(*parent.table, parent.index, 0);
  table.parents.clear();
  table.root = false;
  if (&table == root_) root_ = nullptr;
  for (unsigned i = 0; i < 512; ++i) drop(table, i);
  if (!table.key.direct) {
    pages_.remove_shadow(table.key.guest, &table);
    tell_traced(table.key.guest);
  }
  if (table.unsync) std::erase(unsync_, &table);
  ages_.erase(table.age);
  by_page_.erase(table.page.value);
  monitor_.release(table.page);
  tables_.erase(table.key.packed());
}

void ShadowTables::zap_all() {
  open_.clear();
  while (!ages_.empty()) zap(*ages_.front());
}

void ShadowTables::zap_shadows_of(uint64_t page) {
  for (;;) {
    const ShadowPages::TablePage* t = pages_.find_table(page);
    if (!t || t->shadows.empty()) return;
    zap(*t->shadows.back());
  }
}

// --- entries

// Every change of an entry passes here: processors with shadow tables of their own must be told of those that were present.
void ShadowTables::set_word(ShadowTable& table, unsigned index, ShadowWord word) {
  if (keeps_edits_ && ShadowFormat::present(table.entry[index])) pending_.edits.push_back({table.page + index * sizeof(ShadowWord)});
  table.entry[index] = word;
}

void ShadowTables::note_leaf(EntryRef ref, ShadowWord old) {
  const bool reached = !tagged_ || (global_ && (old & ShadowFormat::kGlobal));
  if (ref.table->scattered || ref.table->key.level != 1 || !reached || pending_.pages.size() >= kMostPageFlushes) {
    pending_.all = true;
  } else {
    pending_.pages.push_back(ref.table->linear | uint64_t{ref.index} << kPageShift);
  }
}

// A link or large leaf lost rights.
void ShadowTables::note_change(const ShadowTable&, ShadowWord) { pending_.all = true; }

void ShadowTables::link(ShadowTable& table, unsigned index, ShadowTable& child, ShadowWord bits) {
  const ShadowWord old = table.entry[index], word = child.page.value | bits;
  if (old == word) return;
  if (is_link(old, table.key.level) && ShadowFormat::table(old) == child.page.value) {
    set_word(table, index, word);
    if ((old & ~word & (ShadowFormat::kWritable | ShadowFormat::kUser)) || (word & ~old & ShadowFormat::kNoExecute))
      note_change(table, old);
    return;
  }
  drop(table, index);
  set_word(table, index, word);
  child.parents.push_back({&table, static_cast<uint16_t>(index)});
}

void ShadowTables::set_leaf(ShadowTable& table, unsigned index, ShadowWord word) {
  const ShadowWord old = table.entry[index];
  if (old == word) return;
  const EntryRef ref{&table, static_cast<uint16_t>(index)};
  const bool large = table.key.level > 1;
  const bool same_page = ShadowFormat::present(old) && ShadowFormat::leaf(old, table.key.level) &&
                         ((old ^ word) & (ShadowFormat::kFrame | shadow_bit::kDevice | ShadowFormat::kSwitch)) == 0;
  if (same_page) {
    set_word(table, index, word);
    // A translation that becomes global was cached for one PCID, which later flushes of the page might not reach.
    if ((old & ~word) || (word & ~old & (ShadowFormat::kNoExecute | ShadowFormat::kGlobal))) note_leaf(ref, old);
    return;
  }
  drop(table, index);
  set_word(table, index, word);
  if (word & shadow_bit::kDevice) return;
  const uint64_t frame = ShadowFormat::page(word, table.key.level);
  (large ? pages_.large_leaves(frame) : pages_.leaves(frame)).push_back(ref);
}

void ShadowTables::set_switch(ShadowTable& table, unsigned index, uint64_t guest_table, ShadowWord bits) {
  const ShadowWord word = guest_table | bits | ShadowFormat::kSwitch;
  if (table.entry[index] == word) return;
  drop(table, index);
  set_word(table, index, word);
  pages_.table(guest_table).switches.push_back({&table, static_cast<uint16_t>(index)});
}

void ShadowTables::drop(ShadowTable& table, unsigned index) {
  const ShadowWord old = table.entry[index];
  if (!ShadowFormat::present(old)) return;
  set_word(table, index, 0);
  if (old & shadow_bit::kMonitor) return;
  ++counters_.entries_zapped;
  const EntryRef ref{&table, static_cast<uint16_t>(index)};
  const unsigned level = table.key.level;
  if (ShadowFormat::switches(old, level)) {
    const uint64_t guest_table = ShadowFormat::table(old);
    ShadowPages::remove(pages_.table(guest_table).switches, ref);
    pages_.forget_if_empty(guest_table);
    pending_.all = true;
  } else if (ShadowFormat::leaf(old, level)) {
    if (!(old & shadow_bit::kDevice)) {
      const uint64_t frame = ShadowFormat::page(old, level);
      ShadowPages::remove(level > 1 ? pages_.large_leaves(frame) : pages_.leaves(frame), ref);
    }
    note_leaf(ref, old);
  } else {
    ShadowTable* child = child_of(old);
    ShadowPages::remove(child->parents, ref);
    pending_.all = true;
    if (child->parents.empty() && !child->root) zap(*child);
  }
}

// --- protection

void ShadowTables::protect(uint64_t page) {
  ++counters_.write_protections;
  report_.step(PagingOperation::kProtect, {.table = page});
  for (const EntryRef ref : pages_.leaves(page)) {
    const ShadowWord word = ref.table->entry[ref.index];
    if (!(word & ShadowFormat::kWritable)) continue;
    note_leaf(ref, word);
    set_word(*ref.table, ref.index, word & ~ShadowFormat::kWritable);
  }
  while (!pages_.large_leaves(page).empty()) {
    const EntryRef ref = pages_.large_leaves(page).back();
    drop(*ref.table, ref.index);
  }
  if (nested_ && nested_->forbid_write(page)) pending_.nested = true;
}

void ShadowTables::tell_traced(uint64_t page) {
  if (on_traced_) on_traced_(page, pages_.is_protected(page));
}

void ShadowTables::set_traced(uint64_t page, bool on) {
  pages_.set_traced(page, on);
  tell_traced(page);
  if (on) protect(page);
}

bool ShadowTables::unprotect(uint64_t page) {
  const ShadowPages::TablePage* t = pages_.find_table(page);
  if (!t) return true;
  const bool leaves_only =
      std::all_of(t->shadows.begin(), t->shadows.end(), [](const ShadowTable* s) { return s->key.level == 1; });
  if (leaves_only && writes_ == TableWrites::kUnsync) {
    for (ShadowTable* shadow : t->shadows) {
      if (shadow->unsync) continue;
      shadow->unsync = true;
      unsync_.push_back(shadow);
      ++counters_.unsynced;
      report_.step(PagingOperation::kUnsync, {.address = shadow->linear, .table = page, .level = 1});
    }
    pages_.update(page);
    tell_traced(page);
    return true;
  }
  unsigned writes = ~0u;
  bool current = false;
  for (ShadowTable* shadow : t->shadows) {
    if (shadow->key.level > 1 || writes_ == TableWrites::kTraced) writes = std::min(writes, ++shadow->writes);
    current |= shadow == root_;
  }
  if (writes < kFloodLimit || current) return false;
  ++counters_.flooded;
  zap_shadows_of(page);
  return true;
}

void ShadowTables::set_nested(uint64_t page) {
  pages_.table(page).nested = true;
  zap_shadows_of(page);
}

void ShadowTables::clear_nested(uint64_t page) {
  ShadowPages::TablePage* t = pages_.find_table(page);
  if (!t) return;
  while (!t->switches.empty()) {
    const EntryRef ref = t->switches.back();
    drop(*ref.table, ref.index);  // `nested` keeps the record alive
  }
  t->nested = false;
  pages_.forget_if_empty(page);
}

// --- paths

// Visits the entries below `root` that lead to `linear`, top first, until one is absent or `visit` says stop.
template <class Visit>
void ShadowTables::each_on_path(ShadowTable* root, uint64_t linear, Visit&& visit) {
  for (ShadowTable* table = root; table;) {
    const unsigned level = table->key.level, index = index_of(linear, level);
    const ShadowWord word = table->entry[index];
    if (!ShadowFormat::present(word)) return;
    ShadowTable* next = is_link(word, level) ? child_of(word) : nullptr;
    if (!visit(EntryRef{table, static_cast<uint16_t>(index)}, word)) return;
    table = next;
  }
}

// Visits the current guest's top table in every view there is.
template <class Visit>
void ShadowTables::each_view(Visit&& visit) {
  if (role_.view == GuestView::kHardware) {
    visit(root_);
    return;
  }
  for (const GuestView view : {GuestView::kKernel, GuestView::kKernelUserClosed, GuestView::kUser}) {
    const ShadowKey key{.guest = guest_root_, .level = static_cast<uint8_t>(levels_), .role = role_of(controls_, view)};
    const auto at = tables_.find(key.packed());
    if (at != tables_.end()) visit(at->second.get());
  }
}

void ShadowTables::sync_page(uint64_t linear) {
  each_view([&](ShadowTable* root) { sync_path(root, linear); });
}

EntryRef ShadowTables::deepest(ShadowTable* root, uint64_t linear) {
  EntryRef found;
  each_on_path(root, linear, [&](EntryRef ref, ShadowWord) {
    found = ref;
    return true;
  });
  return found;
}

void ShadowTables::drop_marked(uint64_t linear) {
  std::vector<EntryRef> marked;
  each_on_path(root_, linear, [&](EntryRef ref, ShadowWord word) {
    if (word & (shadow_bit::kOpen | shadow_bit::kDevice)) marked.push_back(ref);
    return true;
  });
  // The lowest first: a link may be marked too, and what it leads to may have other parents.
  for (auto at = marked.rbegin(); at != marked.rend(); ++at) drop(*at->table, at->index);
}

ShadowTables::Root ShadowTables::load_root(const CpuState& cpu, GuestView view) {
  const PagingControls controls = paging_controls(cpu);
  controls_ = controls;
  role_ = role_of(controls, view);
  levels_ = controls.mode == PagingMode::kFiveLevel ? 5 : 4;
  tagged_ = view == GuestView::kHardware && controls.process_context;
  global_ = view == GuestView::kHardware && controls.global_pages;
  const uint64_t guest = Long64Format::root(cpu.cr3);
  guest_root_ = guest;
  root_ = nullptr;
  if (!ram_.has_page(guest)) {
    place_monitor_entry(empty_root_, view);
    return {empty_root_, false};
  }
  if (pages_.is_nested(guest)) return {HostPhysical(guest), true};
  const ShadowKey key{.guest = guest, .level = static_cast<uint8_t>(levels_), .role = role_};
  const auto known = tables_.find(key.packed());
  ++(known != tables_.end() && known->second->root ? counters_.root_hits : counters_.root_misses);
  ++fill_number_;
  ShadowTable& table = obtain(key, 0);
  table.root = true;
  root_ = &table;
  place_monitor_entry(table.page, view);
  return {table.page, false};
}

void ShadowTables::place_monitor_entry(HostPhysical top, GuestView view) {
  if (view == GuestView::kHardware || !monitor_entry_.kernel) return;
  ShadowWord& entry = monitor_.entries(top)[monitor_entry_.slot];
  const ShadowWord word = is_kernel(view) ? monitor_entry_.kernel : monitor_entry_.user;
  if (entry == word) return;
  if (keeps_edits_ && ShadowFormat::present(entry)) pending_.edits.push_back({top + monitor_entry_.slot * sizeof(ShadowWord)});
  entry = word;
}

void ShadowTables::set_monitor_entry(unsigned slot, ShadowWord kernel, ShadowWord user) {
  zap_all();  // the old place is in every top table, and the new one may hold something
  std::memset(monitor_.host(empty_root_), 0, kPageSize);
  pending_.all = true;
  monitor_entry_ = {slot, kernel | shadow_bit::kMonitor, user | shadow_bit::kMonitor};
}

void ShadowTables::flush(Cpu& cpu) {
  using traces::FlushCause;
  if (pending_.nested) {
    cpu.mmu.flush_nested();
    ++counters_.flushes_all;
    report_.flush(FlushCause::kNestedEdit, 0);
  } else if (pending_.all) {
    cpu.mmu.flush_all();
    ++counters_.flushes_all;
    report_.flush(FlushCause::kShadowEdit, 0);
  } else {
    for (const uint64_t linear : pending_.pages) {
      cpu.mmu.flush_page(linear);
      report_.flush(FlushCause::kShadowEdit, linear);
    }
    counters_.flushes_page += pending_.pages.size();
  }
  pending_.all = pending_.nested = false;
  pending_.pages.clear();
  pending_.edits.clear();
}

RingFlush ShadowTables::take_flush() {
  RingFlush flush{.all = pending_.all || pending_.nested, .pages = std::move(pending_.pages), .edits = std::move(pending_.edits)};
  if (flush.all) {
    ++counters_.flushes_all;
    report_.flush(traces::FlushCause::kShadowEdit, 0);
  }
  for (const uint64_t linear : flush.pages) report_.flush(traces::FlushCause::kShadowEdit, linear);
  counters_.flushes_page += flush.pages.size();
  pending_ = {};
  return flush;
}

bool ShadowTables::consistent() {
  for (const auto& [packed, owned] : tables_) {
    ShadowTable& table = *owned;
    if (by_page_[table.page.value] != &table || table.key.packed() != packed) return false;
    if (!table.root && table.parents.empty()) return false;
    for (const EntryRef parent : table.parents) {
      const ShadowWord word = parent.table->entry[parent.index];
      if (!is_link(word, parent.table->key.level) || ShadowFormat::table(word) != table.page.value) return false;
    }
    for (unsigned i = 0; i < 512; ++i) {
      const ShadowWord word = table.entry[i];
      if (!ShadowFormat::present(word) || (word & (shadow_bit::kDevice | shadow_bit::kMonitor))) continue;
      const EntryRef ref{&table, static_cast<uint16_t>(i)};
      const unsigned level = table.key.level;
      if (ShadowFormat::switches(word, level)) {
        if (!pages_.is_nested(ShadowFormat::table(word)) || !ram_.has_page(ShadowFormat::table(word))) return false;
      } else if (ShadowFormat::leaf(word, level)) {
        const uint64_t frame = ShadowFormat::page(word, level);
        if (!ram_.contains(frame, uint64_t{1} << ShadowFormat::shift(level))) return false;
        const auto& refs = level > 1 ? pages_.large_leaves(frame) : pages_.leaves(frame);
        if (std::find(refs.begin(), refs.end(), ref) == refs.end()) return false;
        const bool writable = (word & ShadowFormat::kWritable) && !(word & shadow_bit::kOpen);
        if (writable && (level > 1 ? pages_.has_tables(frame) : pages_.is_protected(frame))) return false;
      } else {
        const ShadowTable* child = child_of(word);
        if (!child || child->key.level + 1u != level) return false;
        if (std::find(child->parents.begin(), child->parents.end(), ref) == child->parents.end()) return false;
      }
    }
  }
  return by_page_.size() == tables_.size() && ages_.size() == tables_.size();
}

}  // namespace ringside::vmm
