// The monitor's nested tables (EPT): guest-physical to machine-physical, identity, filled on demand. Mechanism only;
// exits, flushes and policy are the paging's that owns it (nested_paging, shadow_paging's fallback, agile_paging).
#pragma once

#include <cstdint>
#include <vector>

#include "hwmodel/mmu/nested_memory.h"
#include "vmm/paging/guest_ram.h"
#include "vmm/paging/monitor_memory.h"
#include "vmm/paging/paging_observer.h"

namespace ringside::vmm {

enum class NestedLeaf : uint8_t { k4K = 1, k2M = 2, k1G = 3 };  // the largest leaf used; the value is its level

struct NestedTablesOptions {
  NestedLeaf leaf = NestedLeaf::k4K;
  uint8_t levels = 4;           // or 5
  bool accessed_dirty = false;  // EPT A/D flags
};

struct NestedTablesCounters {
  uint64_t fills = 0, large_fills = 0, splits = 0, write_protections = 0, write_permissions = 0, clears = 0;
};

class NestedTables {
 public:
  // Tables that one instruction may need at once: 12 linear pages (code, operands, stack, descriptor tables, each up to
  // two), each with up to five guest-physical pages on its walk, below one root.
  static constexpr uint64_t kMostForOneInstruction = 1 + 12 * 5 * 4;
  // What mapping all guest RAM, and that many device pages beyond it, takes if that is less.
  static uint64_t pages_needed(uint64_t guest_end, uint8_t levels);

  // `monitor` has a page left for the root.
  NestedTables(MonitorMemory& monitor, const GuestRam& ram, const NestedTablesOptions& options);
  ~NestedTables();
  NestedTables(const NestedTables&) = delete;

  hw::NestedControls controls() const;
  uint64_t ept_pointer() const;

  enum class Write : uint8_t { kAllowed, kForbidden };
  enum class Fill : uint8_t { kFilled, kNotRam, kNoMemory };
  // Maps the page of `guest_physical`, and as much around it as the options allow.
  Fill fill(uint64_t guest_physical, Write write);
  // Forgets all mappings and gives their tables back. Whoever calls it, or any of the following, flushes.
  void clear();
  // Writes to the page become violations; true if they were not before. Splits a large leaf (by forgetting it).
  bool forbid_write(uint64_t guest_physical);
  // Of a page that is no RAM, until unmapped.
  Fill map_device(uint64_t guest_physical);
  void unmap_device(uint64_t guest_physical);

  // Dirty logging. With A/D flags the hardware keeps the log in the dirty flags of 4 KiB leaves; without, pages are
  // write-protected and log_write() is called on their first write.
  void start_log();
  void stop_log();
  bool logging() const { return logging_; }
  void log_write(uint64_t guest_physical);
  // Guest-physical pages written since the start or the last collect(), ascending; watches them anew.
  std::vector<uint64_t> collect_log();

  void set_observer(PagingObserver* observer) { report_.to(observer); }
  const NestedTablesCounters& counters() const { return counters_; }
  uint64_t table_pages() const { return tables_.size() + 1; }

 private:
  // The entry that maps `guest_physical`, at 1 or a large leaf above; null where none does.
  uint64_t* leaf(uint64_t guest_physical, unsigned& level);
  // The slot at `level`, with tables made on the way; null without memory. Stops at a large leaf above: `level` tells.
  uint64_t* slot(uint64_t guest_physical, unsigned& level);
  unsigned leaf_level(uint64_t guest_physical) const;
  template <class Visit>
  void each_leaf(HostPhysical table, unsigned level, uint64_t base, Visit&& visit);

  MonitorMemory& monitor_;
  GuestRam ram_;
  NestedTablesOptions options_;
  HostPhysical root_;
  std::vector<HostPhysical> tables_;  // all but the root
  bool logging_ = false;
  std::vector<bool> written_;  // by page, while logging without A/D flags
  NestedTablesCounters counters_;
  PagingReport report_;
};

}  // namespace ringside::vmm
