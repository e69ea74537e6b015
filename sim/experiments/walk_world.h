// A world in which page walks are really made: modelled memory with the guest's tables, the tables below them where the
// translation has two dimensions, and the shadow above where it has one; and the MMU's walker over it. No instruction
// runs here. Called by experiments that count references.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "hwmodel/mmu/walk_cache.h"
#include "hwmodel/mmu/walk_result.h"
#include "hwmodel/mmu/walker.h"
#include "sim/experiments/table_tree.h"
#include "traces/base/result.h"

namespace ringside::sim {

using WalkMode = hw::WalkMode;

// How an agile walk whose shadow part is empty begins: at the shadow's root register, which switches, or at CR3.
enum class AgileRoot : uint8_t { kShadow, kSwitched };

struct WalkSetup {
  WalkMode mode = WalkMode::kNative;
  TreeShape tables = guest_tree(hw::PagingMode::kFourLevel);  // the guest's; of a shadow: the shadow's
  TreeShape nested = nested_tree(4);                          // kNested and kAgile
  unsigned guest_leaf = 1, host_leaf = 1;                     // level of the entries that map: 3 is 1 GiB in trees
  unsigned shadow_levels = 0;                                 // kAgile: top levels walked in the shadow
  AgileRoot agile_root = AgileRoot::kShadow;
};

class WalkWorld {
 public:
  static constexpr uint64_t kGuestBase = uint64_t{1} << 30;     // of guest-physical 0 on the machine's bus
  static constexpr uint64_t kGuestBytes = uint64_t{256} << 20;  // of guest-physical memory

  static Result<std::unique_ptr<WalkWorld>> create(const WalkSetup& setup);

  // Maps the guest's page of `linear` to the guest-physical page of `frame`, throughout all dimensions.
  void map(uint64_t linear, uint64_t frame);
  // A write by the kernel. Translates what was mapped.
  const hw::WalkResult& walk(uint64_t linear);
  // Walk caches and nested TLB of a profile for the walks from now on; empty ones. Without this call: none.
  void use_caches(const hw::TlbProfile& profile);
  void drop_caches() { caches_.reset(); }
  // Machine-physical address that `linear` must translate to after map(linear, frame).
  uint64_t machine_address(uint64_t linear, uint64_t frame) const;

 private:
  WalkWorld(hw::PhysicalMemory memory, const WalkSetup& setup);
  void map_shadow(uint64_t linear, uint64_t frame);
  bool two_dimensional() const { return setup_.mode == WalkMode::kNested || setup_.mode == WalkMode::kAgile; }

  hw::PhysicalMemory memory_;
  WalkSetup setup_;
  uint64_t next_guest_table_ = 4 << 20, next_machine_table_ = 4 << 20;
  TableTree guest_;
  std::optional<TableTree> nested_, shadow_;
  hw::WalkRequest request_;
  std::unique_ptr<hw::WalkCaches> caches_;
  hw::WalkResult result_;
};

}  // namespace ringside::sim
