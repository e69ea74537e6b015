// The shadow tables of one virtual processor: built on demand from the guest's tables, shared by key, found by the guest
// page they shadow, reclaimed by age. Mechanism of shadow_paging and agile_paging, which decide what a fault means.
//
//   guest entry -> shadow entry     upper: link to the shadow of the table it names; or, agile, a switch to that table
//                                   itself; leaf: the page, split into 4 KiB where it is large and cannot be mapped whole
//   guest table -> write-protected  in every shadow leaf (and nested leaf) that maps it, except while it is unsync
//
// Upper tables are always in sync: their writes are emulated. Tables of level 1 may be unsync: out of date until the
// guest invalidates. No operation touches a TLB; what must be flushed is gathered, and flush() does it.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "hwmodel/machine/cpu.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/paging/guest_ram.h"
#include "vmm/paging/guest_walk.h"
#include "vmm/paging/monitor_memory.h"
#include "vmm/paging/nested_tables.h"
#include "vmm/paging/paging_observer.h"
#include "vmm/paging/shadow_pages.h"
#include "vmm/paging/shadow_table.h"

namespace ringside::vmm {

struct ShadowCounters {
  uint64_t fills = 0, large_fills = 0, split_fills = 0, switch_fills = 0;  // shadow leaves made, and switching entries
  uint64_t tables_made = 0, tables_zapped = 0, entries_zapped = 0, reclaimed = 0;
  uint64_t syncs = 0, synced_entries = 0, unsynced = 0, flooded = 0;
  uint64_t write_protections = 0;
  uint64_t root_hits = 0, root_misses = 0;
  uint64_t flushes_all = 0, flushes_page = 0;
};

enum class TableWrites : uint8_t { kUnsync, kTraced };

class ShadowTables {
 public:
  // Tables one instruction may need at once: 12 linear pages (see NestedTables), each with four tables of its own below
  // one root, and the root for CR3 values outside RAM; rounded up so that reclaiming a few at a time leaves them alone.
  static constexpr uint64_t kMinimumPages = 64;

  // `nested`: the tables of the dimension below that must keep protected pages read-only too; null: there is none.
  // It is also emptied when nothing else can be reclaimed. `monitor` has kMinimumPages left.
  ShadowTables(MonitorMemory& monitor, const GuestRam& ram, NestedTables* nested);
  ~ShadowTables();
  ShadowTables(const ShadowTables&) = delete;

  // Where the hardware's walk begins for this CR3. The registers' flags concern later flushes.
  struct Root {
    HostPhysical table;
    bool switched = false;  // agile: the guest's own top table, in nested mode
  };
  Root load_root(const hw::CpuState& cpu, GuestView view = GuestView::kHardware);
  // Deprivileged guests: the entry of every top table that leads to the monitor's part of the address space, for kernel and user views.
  // Moves it where it was set before.
  void set_monitor_entry(unsigned slot, ShadowWord kernel, ShadowWord user);
  // Deprivileged guests: hears of pages whose stores must be seen from now on, or no longer.
  using OnTraced = std::function<void(uint64_t page, bool traced)>;
  void set_on_traced(OnTraced on_traced) { on_traced_ = std::move(on_traced); }
  bool has_root() const { return root_ != nullptr; }

  enum class Leaf : uint8_t {
    kAsGuest,
    kOpen,    // writable whatever protects it, until close()
    kDevice,  // no RAM, until drop_marked()
  };
  enum class Filled : uint8_t { kReadOnly, kWritable, kSwitched };
  // Makes the shadow entries of a walk that succeeded and whose flags are set.
  Filled fill(const GuestWalk& walk, uint64_t linear, Leaf leaf);

  bool is_protected(uint64_t guest_physical) const { return pages_.is_protected(page_of(guest_physical)); }
  // Pages whose stores somebody else wants to see, whether tables or not.
  void set_traced(uint64_t page, bool on);
  bool is_traced(uint64_t page) const { return pages_.is_traced(page); }
  // The guest writes a protected table. True: it may do so directly from now on (unsync, or not a table any more).
  bool unprotect(uint64_t page);
  // The page is open to one emulated instruction at `linear`; close() brings its shadows up to date and protects it again.
  void open(uint64_t page, uint64_t linear) { open_.push_back({page, linear}); }
  void close();
  // Takes an open or device leaf away.
  void drop_marked(uint64_t linear);

  void sync_page(uint64_t linear);  // INVLPG
  void sync_all();                  // CR3 loads and wider flushes
  void zap_all();
  // Frees some tables; false when none can be spared.
  bool reclaim();

  // Agile: the guest table is not shadowed any more; entries above it switch. And back.
  void set_nested(uint64_t page);
  void clear_nested(uint64_t page);
  bool is_nested(uint64_t page) { return pages_.is_nested(page); }

  // Whether the guest may write tables of level 1 unseen until it invalidates (unsync), as at first, or each of its writes is seen.
  void set_table_writes(TableWrites writes) { writes_ = writes; }
  // For what the guest itself flushed.
  void flush_all_later() { pending_.all = true; }
  void flush_page_later(uint64_t linear) { pending_.pages.push_back(linear); }
  // Does the flushes gathered so far.
  void flush(hw::Cpu& cpu);
  // Hands them over with every entry changed or removed since, for a processor out of this one's reach.
  void keep_edits() { keeps_edits_ = true; }
  RingFlush take_flush();

  void set_observer(PagingObserver* observer) { report_.to(observer); }
  const ShadowCounters& counters() const { return counters_; }
  uint64_t table_count() const { return tables_.size(); }
  uint64_t unsync_count() const { return unsync_.size(); }
  // For tests: every link, back link and protection agrees; no entry reaches beyond guest RAM and the shadow tables.
  bool consistent();

 private:
  // --- shadow_tables.cpp: structure
  HostPhysical allocate();
  ShadowTable& obtain(const ShadowKey& key, uint64_t linear);
  void touch(ShadowTable& table);
  ShadowTable* child_of(ShadowWord word);
  void link(ShadowTable& table, unsigned index, ShadowTable& child, ShadowWord bits);
  void set_leaf(ShadowTable& table, unsigned index, ShadowWord word);
  void set_switch(ShadowTable& table, unsigned index, uint64_t guest_table, ShadowWord bits);
  void drop(ShadowTable& table, unsigned index);
  void zap(ShadowTable& table);
  void zap_shadows_of(uint64_t page);
  void protect(uint64_t page);
  void tell_traced(uint64_t page);
  void set_word(ShadowTable& table, unsigned index, ShadowWord word);
  void place_monitor_entry(HostPhysical top, GuestView view);
  void note_change(const ShadowTable& table, ShadowWord old);
  void note_leaf(EntryRef ref, ShadowWord old);
  EntryRef deepest(ShadowTable* root, uint64_t linear);
  template <class Visit>
  void each_on_path(ShadowTable* root, uint64_t linear, Visit&& visit);
  template <class Visit>
  void each_view(Visit&& visit);

  // --- shadow_fill.cpp: contents
  ShadowWord page_bits(const ShadowTable& table, uint64_t guest_word) const;
  ShadowWord table_bits(const ShadowTable& table, uint64_t guest_word) const;
  Filled fill_page(ShadowTable& table, const GuestWalk& walk, uint64_t linear, Leaf leaf);
  Filled fill_large(ShadowTable& table, const GuestWalk& walk, uint64_t linear, Leaf leaf);
  bool fits_large(uint64_t frame) const;
  ShadowKey key_below(const ShadowTable& table, uint64_t guest_word) const;
  void sync_entry(ShadowTable& table, unsigned index);
  void sync_path(ShadowTable* root, uint64_t linear);
  void sync_large(ShadowTable& table, unsigned index, uint64_t guest_word);
  void sync_link(ShadowTable& table, unsigned index, uint64_t guest_word);
  void sync_contents(ShadowTable& table);
  void resync(ShadowTable& table);

  struct OpenPage {
    uint64_t page, linear;
  };

  MonitorMemory& monitor_;
  GuestRam ram_;
  NestedTables* nested_;
  HostPhysical empty_root_;  // for CR3 values outside guest RAM: no entry
  ShadowPages pages_;
  std::unordered_map<uint64_t, std::unique_ptr<ShadowTable>> tables_;  // by packed key
  std::unordered_map<uint64_t, ShadowTable*> by_page_;                 // by machine address
  std::list<ShadowTable*> ages_;                                       // last used first
  std::vector<ShadowTable*> unsync_;
  std::vector<OpenPage> open_;
  ShadowTable* root_ = nullptr;
  hw::PagingControls controls_;
  ShadowRole role_;
  unsigned levels_ = 4;
  uint64_t fill_number_ = 0;
  bool tagged_ = false, global_ = false;  // CR4.PCIDE and CR4.PGE: which TLB entries a page flush reaches
  struct {
    bool all = false, nested = false;
    std::vector<uint64_t> pages;
    std::vector<TableEdit> edits;
  } pending_;
  bool keeps_edits_ = false;
  TableWrites writes_ = TableWrites::kUnsync;
  OnTraced on_traced_;
  uint64_t guest_root_ = 0;
  struct {
    unsigned slot = 0;
    ShadowWord kernel = 0, user = 0;  // 0: none
  } monitor_entry_;
  ShadowCounters counters_;
  PagingReport report_;
};

}  // namespace ringside::vmm
