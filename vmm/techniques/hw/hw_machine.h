// Puts technique `hw` together: the modelled PC with a share of RAM for the monitor, and virtual CPUs that run under a control block
// with the paging asked for. Called by sim's machine factory.
#pragma once

#include <memory>
#include <string_view>

#include "vmm/machines/model/model_machine.h"
#include "vmm/paging/nested_tables.h"
#include "vmm/techniques/hw/hw_vcpu.h"

namespace ringside::vmm {

enum class HwPaging : uint8_t { kNested, kShadow, kAgile };

struct HwOptions {
  hw::MachineConfig machine;                  // monitor_bytes is set from monitor_bytes below
  HwPaging paging = HwPaging::kNested;
  uint64_t monitor_bytes = 64ull << 20;       // cap of all shadow and nested tables, in whole pages
  HostKind host = HostKind::kType2;
  NestedLeaf nested_leaf = NestedLeaf::k4K;   // the largest leaf of paging `nested`
};

Result<std::unique_ptr<ModelMachine>> create_hw_machine(const HwOptions& options);

}  // namespace ringside::vmm
