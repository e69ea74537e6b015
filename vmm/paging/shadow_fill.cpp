// ShadowTables: what the entries say, when they are made and when they are brought up to date.
#include <cassert>

#include "hwmodel/mmu/fault.h"
#include "vmm/paging/shadow_tables.h"

namespace ringside::vmm {

using namespace hw;

namespace {

constexpr ShadowWord kAlways = ShadowFormat::kPresent | ShadowFormat::kAccessed | ShadowFormat::kDirty;
// Pieces of a large page: the link above them has the rights.
constexpr ShadowWord kPiece = kAlways | ShadowFormat::kWritable | ShadowFormat::kUser;

constexpr unsigned index_of(uint64_t linear, unsigned level) { return linear >> ShadowFormat::shift(level) & 511; }

Long64Format guest_format(ShadowRole role) {
  PagingControls controls;
  controls.mode = PagingMode::kFourLevel;
  controls.no_execute = role.no_execute;
  return Long64Format(controls);
}

// Of a leaf in the tables a deprivileged kernel runs on at CPL 3: all pages are the user's there. 0: not to be mapped.
ShadowWord bits_for_kernel(const ShadowKey& key, uint64_t g, ShadowWord bits) {
  const bool users = (g & ShadowFormat::kUser) && (key.above & rights::kUser);
  if (users && key.role.view == GuestView::kKernelUserClosed) return 0;
  if (users && key.role.smep) bits |= ShadowFormat::kNoExecute;
  const bool writable = !key.role.write_protect || (g & ShadowFormat::kWritable);
  if (writable && (g & ShadowFormat::kDirty)) bits |= ShadowFormat::kWritable;
  return bits | ShadowFormat::kUser;
}

}  // namespace

// Of a leaf the guest's entry describes, without frame and without regard to protection. Writable only once the guest's
// entry is dirty: the first write faults, and sets the flag.
ShadowWord ShadowTables::page_bits(const ShadowTable& table, uint64_t g) const {
  ShadowWord bits = kAlways | (g & (ShadowFormat::kGlobal | ShadowFormat::kNoExecute));
  const Rights above = table.key.above;
  if (is_kernel(table.key.role.view)) return bits_for_kernel(table.key, g, bits);
  bool writable = g & ShadowFormat::kWritable, user = g & ShadowFormat::kUser;
  if (!table.key.role.write_protect) {
    user = user && (above & rights::kUser);
    // The supervisor writes its own pages whatever they say. Read-only pages of users it writes too, but those stay
    // read-only here, and such a write is emulated.
    writable = !user || (writable && (above & rights::kWrite));
  }
  if (user) bits |= ShadowFormat::kUser;
  if (writable && (g & ShadowFormat::kDirty)) bits |= ShadowFormat::kWritable;
  return bits;
}

ShadowWord ShadowTables::table_bits(const ShadowTable& table, uint64_t g) const {
  ShadowWord bits = ShadowFormat::kPresent | ShadowFormat::kAccessed | (g & (ShadowFormat::kUser | ShadowFormat::kNoExecute));
  if ((g & ShadowFormat::kWritable) || !table.key.role.write_protect) bits |= ShadowFormat::kWritable;
  if (is_kernel(table.key.role.view)) bits |= ShadowFormat::kUser;
  return bits;
}

// Of the shadow of the table an upper entry names.
ShadowKey ShadowTables::key_below(const ShadowTable& table, uint64_t g) const {
  Rights above = rights::kAll;
  if (ShadowKey::counts_rights_above(table.key.role)) above = table.key.above & Long64Format::rights(g, table.key.level);
  return {.guest = Long64Format::table(g),
          .level = static_cast<uint8_t>(table.key.level - 1),
          .role = table.key.role,
          .above = above};
}

bool ShadowTables::fits_large(uint64_t frame) const {
  return ram_.contains(frame, uint64_t{1} << ShadowFormat::shift(2)) && !pages_.has_tables(frame);
}

// --- filling

ShadowTables::Filled ShadowTables::fill(const GuestWalk& walk, uint64_t linear, Leaf leaf) {
  if (!root_) return Filled::kSwitched;  // agile: the root itself
  ++fill_number_;
  ShadowTable* table = root_;
  touch(*table);
  for (unsigned i = 0; i + 1 < walk.path.depth; ++i) {
    const uint64_t g = walk.path.entry[i].word;
    const unsigned index = index_of(linear, table->key.level);
    const ShadowKey key = key_below(*table, g);
    if (pages_.is_nested(key.guest)) {
      set_switch(*table, index, key.guest, table_bits(*table, g));
      ++counters_.switch_fills;
      report_.step(PagingOperation::kSwitchFill, {.address = linear, .table = key.guest, .level = table->key.level});
      return Filled::kSwitched;
    }
    ShadowTable& child = obtain(key, linear);
    const ShadowWord old = table->entry[index];
    link(*table, index, child, table_bits(*table, g));
    // A place that has not led to this table yet: nothing stale may be seen through it.
    if (child.unsync && ShadowFormat::table(old) != child.page.value) resync(child);
    table = &child;
  }
  return table->key.level == 1 ? fill_page(*table, walk, linear, leaf) : fill_large(*table, walk, linear, leaf);
}

ShadowTables::Filled ShadowTables::fill_page(ShadowTable& table, const GuestWalk& walk, uint64_t linear, Leaf leaf) {
  ShadowWord word = page_bits(table, walk.leaf.word);
  const uint64_t page = page_of(walk.guest_physical);
  if (leaf == Leaf::kDevice) {
    word |= ram_.device_page(page) | ShadowFormat::kWritable | shadow_bit::kDevice;
  } else {
    word |= page;
    if (pages_.is_protected(page)) word &= ~ShadowFormat::kWritable;
    if (leaf == Leaf::kOpen) word |= ShadowFormat::kWritable | shadow_bit::kOpen;
  }
  set_leaf(table, index_of(linear, 1), word);
  ++counters_.fills;
  report_.step(PagingOperation::kFill, {.address = linear, .table = table.key.guest, .level = 1});
  return word & ShadowFormat::kWritable ? Filled::kWritable : Filled::kReadOnly;
}

// A large page of the guest: whole if nothing in it needs protection, else through tables of its own.
ShadowTables::Filled ShadowTables::fill_large(ShadowTable& table, const GuestWalk& walk, uint64_t linear, Leaf leaf) {
  const uint64_t g = walk.leaf.word;
  ShadowWord bits = page_bits(table, g);
  const bool global = bits & ShadowFormat::kGlobal;
  if (leaf != Leaf::kAsGuest && !(bits & ShadowFormat::kWritable)) bits |= ShadowFormat::kWritable | shadow_bit::kOpen;
  const Filled filled = bits & ShadowFormat::kWritable ? Filled::kWritable : Filled::kReadOnly;
  const ShadowWord piece = kPiece | (global ? ShadowFormat::kGlobal : 0);
  uint64_t frame = walk.leaf.page;
  ShadowTable* at = &table;
  for (unsigned level = table.key.level; level > 1; --level) {
    const unsigned index = index_of(linear, level);
    if (at != &table) frame += uint64_t{index} << ShadowFormat::shift(level);
    if (level == 2 && leaf == Leaf::kAsGuest && fits_large(frame)) {
      set_leaf(*at, index, frame | (at == &table ? bits : piece) | ShadowFormat::kLarge);
      ++counters_.large_fills;
      report_.step(PagingOperation::kFill, {.address = linear, .table = table.key.guest, .level = level});
      return filled;
    }
    const ShadowKey key{
        .guest = frame, .level = static_cast<uint8_t>(level - 1), .direct = true, .global = global, .role = {}};
    ShadowTable& child = obtain(key, linear);
    link(*at, index, child, (at == &table ? bits : piece) & ~(ShadowFormat::kGlobal | ShadowFormat::kDirty));
    at = &child;
  }
  const uint64_t page = frame + (uint64_t{index_of(linear, 1)} << kPageShift);
  ShadowWord word = piece | page;
  if (leaf == Leaf::kDevice) {
    word = piece | ram_.device_page(page) | shadow_bit::kDevice;
  } else if (leaf == Leaf::kOpen) {
    word |= shadow_bit::kOpen;
  } else if (pages_.is_protected(page)) {
    word &= ~ShadowFormat::kWritable;
  }
  set_leaf(*at, index_of(linear, 1), word);
  ++counters_.split_fills;
  report_.step(PagingOperation::kFill, {.address = linear, .table = table.key.guest, .level = 1});
  return word & ShadowFormat::kWritable ? filled : Filled::kReadOnly;
}

// --- bringing up to date

void ShadowTables::sync_entry(ShadowTable& table, unsigned index) {
  const ShadowWord old = table.entry[index];
  if (!ShadowFormat::present(old) || table.key.direct || (old & shadow_bit::kMonitor)) return;
  ++counters_.synced_entries;
  const unsigned level = table.key.level;
  const Long64Format format = guest_format(table.key.role);
  const uint64_t g = ram_.word(table.key.guest + index * sizeof(uint64_t));
  const bool leaf = Long64Format::leaf(g, level);
  const bool usable =
      Long64Format::present(g) && (g & Long64Format::kAccessed) && !format.malformed(g, level, leaf);
  if (!usable || (old & (shadow_bit::kOpen | shadow_bit::kDevice))) return drop(table, index);
  if (level > 1) return leaf ? sync_large(table, index, g) : sync_link(table, index, g);
  const uint64_t page = Long64Format::page(g, 1);
  if (!ram_.has_page(page)) return drop(table, index);
  ShadowWord word = page_bits(table, g);
  if (!ShadowFormat::present(word)) return drop(table, index);
  word |= page;
  if (pages_.is_protected(page)) word &= ~ShadowFormat::kWritable;
  set_leaf(table, index, word);
}

void ShadowTables::sync_large(ShadowTable& table, unsigned index, uint64_t g) {
  const ShadowWord old = table.entry[index], bits = page_bits(table, g);
  const unsigned level = table.key.level;
  const uint64_t frame = Long64Format::page(g, level);
  if (!ShadowFormat::present(bits)) return drop(table, index);
  if (ShadowFormat::leaf(old, level)) {
    if (ShadowFormat::switches(old, level) || ShadowFormat::page(old, level) != frame) return drop(table, index);
    return set_leaf(table, index, frame | bits | ShadowFormat::kLarge);
  }
  ShadowTable* child = child_of(old);
  const ShadowKey& key = child->key;
  if (!key.direct || key.guest != frame || key.global != ((bits & ShadowFormat::kGlobal) != 0)) return drop(table, index);
  link(table, index, *child, bits & ~(ShadowFormat::kGlobal | ShadowFormat::kDirty));
}

void ShadowTables::sync_link(ShadowTable& table, unsigned index, uint64_t g) {
  const ShadowWord old = table.entry[index];
  const ShadowKey key = key_below(table, g);
  if (ShadowFormat::switches(old, table.key.level)) {
    if (ShadowFormat::table(old) != key.guest) return drop(table, index);
    return set_switch(table, index, key.guest, table_bits(table, g));
  }
  if (ShadowFormat::leaf(old, table.key.level)) return drop(table, index);
  ShadowTable* child = child_of(old);
  if (child->key.packed() != key.packed()) return drop(table, index);
  link(table, index, *child, table_bits(table, g));
}

void ShadowTables::sync_contents(ShadowTable& table) {
  ++counters_.syncs;
  report_.step(PagingOperation::kSync, {.address = table.linear, .table = table.key.guest, .level = table.key.level});
  for (unsigned i = 0; i < 512; ++i) {
    if (table.entry[i]) sync_entry(table, i);
  }
}

// An unsync table back in sync: its guest page is protected again.
void ShadowTables::resync(ShadowTable& table) {
  sync_contents(table);
  table.unsync = false;
  std::erase(unsync_, &table);
  pages_.update(table.key.guest);
  tell_traced(table.key.guest);
  protect(table.key.guest);
}

void ShadowTables::sync_path(ShadowTable* root, uint64_t linear) {
  const EntryRef at = deepest(root, linear);
  if (!at.table || at.table->key.level != 1 || !at.table->unsync) return;
  const bool flush_all = pending_.all;
  const size_t flush_pages = pending_.pages.size();
  sync_entry(*at.table, at.index);
  // Whoever invalidates flushes the page in the current PCID. What other PCIDs still hold of it is theirs to invalidate;
  // another linear address of the same shadow table is not.
  if (!at.table->scattered) {
    pending_.all = flush_all;
    pending_.pages.resize(flush_pages);
  }
}

void ShadowTables::sync_all() {
  while (!unsync_.empty()) resync(*unsync_.back());
}

void ShadowTables::close() {
  while (!open_.empty()) {
    const OpenPage done = open_.back();
    open_.pop_back();
    std::vector<uint64_t> keys;
    if (const ShadowPages::TablePage* t = pages_.find_table(done.page)) {
      for (const ShadowTable* shadow : t->shadows) keys.push_back(shadow->key.packed());
    }
    for (const uint64_t key : keys) {
      const auto at = tables_.find(key);  // bringing one up to date may zap another
      if (at != tables_.end() && !at->second->unsync) sync_contents(*at->second);
    }
    drop_marked(done.linear);
    if (pages_.is_protected(done.page)) protect(done.page);
  }
}

}  // namespace ringside::vmm
