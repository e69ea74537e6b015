#include "vmm/techniques/hw/hw_machine.h"

#include <optional>

#include "vmm/paging/agile_paging.h"
#include "vmm/paging/monitor_memory.h"
#include "vmm/paging/nested_paging.h"
#include "vmm/paging/shadow_paging.h"
#include "vmm/techniques/hw/hw_vcpu.h"

namespace ringside::vmm {
namespace {

template <class Paging, class... Options>
Result<std::unique_ptr<GuestPaging>> create_paging(MonitorMemory& pool, const Options&... options) {
  auto paging = Paging::create(pool, options...);
  if (!paging) return paging.error();
  return std::unique_ptr<GuestPaging>(std::move(paging.value()));
}

Result<std::unique_ptr<GuestPaging>> make_paging(const HwOptions& options, MonitorMemory& pool) {
  switch (options.paging) {
    case HwPaging::kNested: return create_paging<NestedPaging>(pool, NestedPagingOptions{.leaf = options.nested_leaf});
    case HwPaging::kShadow: return create_paging<ShadowPaging>(pool);
    case HwPaging::kAgile: return create_paging<AgilePaging>(pool);
  }
  __builtin_unreachable();
}

}  // namespace

Result<std::unique_ptr<ModelMachine>> create_hw_machine(const HwOptions& options) {
  hw::MachineConfig config = options.machine;
  config.monitor_bytes = options.monitor_bytes;
  std::optional<Error> failure;
  const auto make_vcpu = [&](hw::Machine& machine, unsigned index) -> std::unique_ptr<ModelVcpu> {
    auto pool = std::make_unique<MonitorMemory>(machine.memory(), HostPhysical(hw::PhysicalMemory::kMonitorStart), machine.memory().monitor_size());
    auto paging = make_paging(options, *pool);
    if (!paging) {
      failure = paging.error();
      return std::make_unique<ModelVcpu>(machine, index);
    }
    return std::make_unique<HwVcpu>(machine, index, std::move(pool), std::move(paging.value()), options.host);
  };
  auto machine = ModelMachine::create(config, make_vcpu);
  if (!machine) return machine.error();
  if (failure) return *failure;
  machine.value()->announce_hardware_exits();
  return machine;
}

}  // namespace ringside::vmm
