#include "vmm/paging/nested_tables.h"

#include <algorithm>

#include "hwmodel/mmu/entry/ept.h"

namespace ringside::vmm {

using hw::EptFormat;

namespace {

constexpr uint64_t kRwx = EptFormat::kRead | EptFormat::kWrite | EptFormat::kExecute;
constexpr uint64_t kWriteBack = 6;  // memory type [SDM 3C 28.3.7 "EPT and Memory Typing"]

constexpr uint64_t span_of(unsigned level) { return uint64_t{1} << EptFormat::shift(level); }

}  // namespace

uint64_t NestedTables::pages_needed(uint64_t guest_end, uint8_t levels) {
  uint64_t pages = 1;
  for (unsigned level = 1; level < levels; ++level) pages += (guest_end + span_of(level + 1) - 1) / span_of(level + 1);
  // Device pages beyond RAM: one table of each level but the top for each of the pages of one instruction.
  pages += 12 * (levels - 1u);
  return std::min(pages, kMostForOneInstruction);
}

NestedTables::NestedTables(MonitorMemory& monitor, const GuestRam& ram, const NestedTablesOptions& options)
    : monitor_(monitor), ram_(ram), options_(options) {
  const auto root = monitor.allocate();
  assert(root);
  root_ = *root;
}

NestedTables::~NestedTables() {
  clear();
  monitor_.release(root_);
}

hw::NestedControls NestedTables::controls() const { return hw::nested_controls(ept_pointer()); }

uint64_t NestedTables::ept_pointer() const {
  return root_.value | kWriteBack | uint64_t{options_.levels - 1u} << 3 | uint64_t{options_.accessed_dirty} << 6;
}

unsigned NestedTables::leaf_level(uint64_t guest_physical) const {
  unsigned level = logging_ ? 1 : static_cast<unsigned>(options_.leaf);
  while (level > 1 && !ram_.contains(guest_physical & ~(span_of(level) - 1), span_of(level))) --level;
  return level;
}

uint64_t* NestedTables::slot(uint64_t guest_physical, unsigned& level) {
  HostPhysical table = root_;
  for (unsigned at = options_.levels;; --at) {
    uint64_t* entry = monitor_.entries(HostPhysical(EptFormat::slot(table.value, guest_physical, at)));
    if (at == level) return entry;
    if (EptFormat::present(*entry) && EptFormat::leaf(*entry, at)) {
      level = at;
      return entry;
    }
    if (!EptFormat::present(*entry)) {
      const auto page = monitor_.allocate();
      if (!page) return nullptr;
      tables_.push_back(*page);
      *entry = page->value | kRwx;
    }
    table = HostPhysical(EptFormat::table(*entry));
  }
}

uint64_t* NestedTables::leaf(uint64_t guest_physical, unsigned& level) {
  HostPhysical table = root_;
  for (level = options_.levels;; --level) {
    uint64_t* entry = monitor_.entries(HostPhysical(EptFormat::slot(table.value, guest_physical, level)));
    if (!EptFormat::present(*entry)) return nullptr;
    if (EptFormat::leaf(*entry, level)) return entry;
    table = HostPhysical(EptFormat::table(*entry));
  }
}

NestedTables::Fill NestedTables::fill(uint64_t guest_physical, Write write) {
  if (!ram_.has_page(guest_physical)) return Fill::kNotRam;
  unsigned level = leaf_level(guest_physical);
  uint64_t* entry = slot(guest_physical, level);
  if (!entry) return Fill::kNoMemory;
  if (level > 1 && EptFormat::present(*entry) && !EptFormat::leaf(*entry, level)) {
    // Smaller leaves are there already: this page gets one of its own.
    level = 1;
    entry = slot(guest_physical, level);
    if (!entry) return Fill::kNoMemory;
  }
  const uint64_t old = *entry;
  uint64_t word = (guest_physical & ~(span_of(level) - 1)) | EptFormat::kRead | EptFormat::kExecute |
                  kWriteBack << EptFormat::kTypeShift | (level > 1 ? EptFormat::kLarge : 0) |
                  (old & (EptFormat::kAccessed | EptFormat::kDirty));
  if (write == Write::kAllowed) word |= EptFormat::kWrite;
  if (!EptFormat::present(old)) {
    ++(level > 1 ? counters_.large_fills : counters_.fills);
    report_.step(PagingOperation::kNestedFill, {.address = guest_physical, .level = level});
  } else if (!(old & EptFormat::kWrite) && write == Write::kAllowed) {
    ++counters_.write_permissions;
  }
  *entry = word;
  return Fill::kFilled;
}

void NestedTables::clear() {
  ++counters_.clears;
  report_.step(PagingOperation::kNestedClear, {});
  for (const HostPhysical table : tables_) monitor_.release(table);
  tables_.clear();
  std::memset(monitor_.host(root_), 0, kPageSize);
}

bool NestedTables::forbid_write(uint64_t guest_physical) {
  unsigned level;
  uint64_t* entry = leaf(guest_physical, level);
  if (!entry || !(*entry & EptFormat::kWrite)) return false;
  ++counters_.write_protections;
  if (level > 1) {
    *entry = 0;
    ++counters_.splits;
  } else {
    *entry &= ~EptFormat::kWrite;
  }
  return true;
}

NestedTables::Fill NestedTables::map_device(uint64_t guest_physical) {
  if (ram_.has_page(guest_physical)) return Fill::kNotRam;
  unsigned level = 1;
  uint64_t* entry = slot(guest_physical, level);
  if (!entry) return Fill::kNoMemory;
  *entry = ram_.device_page(guest_physical) | kRwx;  // uncacheable: memory type 0
  return Fill::kFilled;
}

void NestedTables::unmap_device(uint64_t guest_physical) {
  if (ram_.has_page(guest_physical)) return;
  unsigned level;
  if (uint64_t* entry = leaf(guest_physical, level)) *entry = 0;
}

// --- dirty logging

template <class Visit>
void NestedTables::each_leaf(HostPhysical table, unsigned level, uint64_t base, Visit&& visit) {
  uint64_t* entries = monitor_.entries(table);
  for (unsigned i = 0; i < 512; ++i) {
    const uint64_t word = entries[i];
    if (!EptFormat::present(word)) continue;
    const uint64_t first = base + i * span_of(level);
    if (EptFormat::leaf(word, level)) {
      visit(entries[i], level, first);
    } else {
      each_leaf(HostPhysical(EptFormat::table(word)), level - 1, first, visit);
    }
  }
}

void NestedTables::start_log() {
  logging_ = true;
  if (!options_.accessed_dirty) written_.assign(ram_.end() / kPageSize, false);
  each_leaf(root_, options_.levels, 0, [&](uint64_t& entry, unsigned level, uint64_t) {
    if (level > 1) {
      entry = 0;
      ++counters_.splits;
    } else if (options_.accessed_dirty) {
      entry &= ~EptFormat::kDirty;
    } else {
      entry &= ~EptFormat::kWrite;
      ++counters_.write_protections;
    }
  });
}

void NestedTables::stop_log() {
  logging_ = false;
  written_.clear();
}

void NestedTables::log_write(uint64_t guest_physical) {
  const uint64_t page = guest_physical / kPageSize;
  if (page < written_.size()) written_[page] = true;
}

std::vector<uint64_t> NestedTables::collect_log() {
  std::vector<uint64_t> pages;
  if (!logging_) return pages;
  if (!options_.accessed_dirty) {
    for (uint64_t page = 0; page < written_.size(); ++page) {
      if (!written_[page]) continue;
      written_[page] = false;
      forbid_write(page * kPageSize);
      pages.push_back(page * kPageSize);
    }
    return pages;
  }
  each_leaf(root_, options_.levels, 0, [&](uint64_t& entry, unsigned, uint64_t first) {
    if (!(entry & EptFormat::kDirty)) return;
    entry &= ~EptFormat::kDirty;
    pages.push_back(first);
  });
  return pages;
}

}  // namespace ringside::vmm
