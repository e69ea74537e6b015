// Puts technique `pv` together: the virtual PC (its clock and its bus), a processor below that runs the guest at CPL 3, a disk, and the
// monitor's share of RAM. Called by sim's machine factory.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vmm/core/host_kind.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/devices/block_store.h"
#include "vmm/machines/model/model_machine.h"
#include "vmm/paging/monitor_part.h"
#include "vmm/techniques/deprivileged/deprivileged_machine.h"

namespace ringside::vmm::pv {

struct PvOptions {
  hw::MachineConfig machine;              // monitor_bytes is set from monitor_bytes below
  uint64_t monitor_bytes = 1ull << 20;    // only the monitor's part of the address space: the tables are the guest's own
  HostKind host = HostKind::kType2;
  std::unique_ptr<BlockStore> disk{};     // none: a RAM disk
  // Makes the processor below; default: a modelled one.
  std::function<Result<std::unique_ptr<RingCpu>>(hw::Machine& machine, MonitorPart& part)> make_ring{};
  GuestTime time = GuestTime::kModelled;
};

Result<std::unique_ptr<ModelMachine>> create_pv_machine(PvOptions& options);
// The same on the real processor, through the ring-0 stub and in the host's time; what `options` say of these is replaced.
Result<std::unique_ptr<ModelMachine>> create_pv_kvm(PvOptions& options, const std::string& device = "/dev/kvm");

}  // namespace ringside::vmm::pv
