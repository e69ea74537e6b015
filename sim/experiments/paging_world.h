// A guest without instructions under a real paging of the monitor: its page tables lie in modelled memory, accesses and
// page-table updates go through the MMU of a CPU, and the faults they meet are handled as technique hw handles its exits.
// Every walk is counted. Called by experiments about who pays for translation when page tables change.
#pragma once

#include <cstdint>
#include <memory>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"
#include "hwmodel/machine/observer.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "sim/experiments/table_tree.h"
#include "traces/base/result.h"
#include "vmm/paging/agile_policy.h"
#include "vmm/paging/agile_shares.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/monitor_memory.h"

namespace ringside::sim {

enum class WorldPaging : uint8_t { kNative, kShadow, kNested, kAgile };

struct PagingWorldSetup {
  WorldPaging paging = WorldPaging::kNative;
  hw::TlbProfile tlb;  // with or without walk caches
  uint64_t guest_bytes = uint64_t{256} << 20;
  vmm::AgilePolicyOptions policy{};  // kAgile
};

class PagingWorld {
 public:
  static Result<std::unique_ptr<PagingWorld>> create(const PagingWorldSetup& setup);
  ~PagingWorld();

  // --- before start(): the guest's tables
  TableTree& tables() { return *tables_; }
  void map(uint64_t linear, uint64_t frame) { tables_->map(linear, 1, frame); }
  // Turns paging on, and the monitor's.
  void start();

  // --- afterwards
  // One access by the guest. False where the guest's own tables do not allow it.
  bool access(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode = hw::AccessMode::kUser);
  // The guest's kernel writes a page-table entry, through its window onto all memory, and invalidates `linear`.
  void update(uint64_t entry, uint64_t word, uint64_t linear);
  void pass(uint64_t cycles);  // modelled time

  // Since the last reset: walks that translated, by their mode and references; exits to the monitor.
  const vmm::AgileShares& shares() const { return counter_.shares; }
  uint64_t exits() const { return exits_; }
  uint64_t updates() const { return updates_; }
  void reset_counts();

 private:
  struct WalkCounter final : hw::Observer {
    bool wants_walks() const override { return true; }
    void on_walk(const hw::WalkResult& walk) override { shares.add(walk); }
    vmm::AgileShares shares;
  };
  static constexpr uint64_t kWindow = 0xffff'8880'0000'0000;  // where Linux has its window too

  PagingWorld(hw::PhysicalMemory memory, const PagingWorldSetup& setup);
  Result<void> make_paging(const PagingWorldSetup& setup);
  // What the handler of an exit does; false: the guest's own fault.
  bool handle_exit(const hw::Translation& translation, uint64_t linear, bool& emulating);
  bool touch(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode, const uint64_t* store);

  hw::PhysicalMemory memory_;
  hw::CodeCache code_;
  hw::Cpu cpu_;
  uint64_t guest_bytes_;
  std::unique_ptr<vmm::MonitorMemory> pool_;
  std::unique_ptr<vmm::GuestPaging> paging_;  // null: native
  uint64_t next_table_ = 1 << 20;
  std::unique_ptr<TableTree> tables_;
  WalkCounter counter_;
  uint64_t exits_ = 0, updates_ = 0;
};

}  // namespace ringside::sim
