// Puts a deprivileged technique together on the modelled machine: the virtual PC, a second modelled CPU as the processor below, the monitor's
// share of RAM with the shadow tables, and how the guest's kernel code runs. Called by the techniques trap and bt.
#pragma once

#include <functional>
#include <memory>

#include "vmm/machines/model/model_machine.h"
#include "vmm/techniques/deprivileged/deprivileged_vcpu.h"

namespace ringside::vmm {

// What time is to the guest: that of the modelled processors, or the host's (host_pace.h).
enum class GuestTime : uint8_t { kModelled, kHost };

struct DeprivilegedOptions {
  hw::MachineConfig machine;                  // monitor_bytes is set from monitor_bytes below
  uint64_t monitor_bytes = 128ull << 20;      // cap of all that the monitor keeps: shadow tables, translations
  // What the guest's sensitive unprivileged instructions do on the processor below; what they are observed for is the kernel's.
  hw::SensitiveTraps sensitive = hw::SensitiveTraps::kAsBuilt;
  TableWrites table_writes = TableWrites::kUnsync;
  HostKind host = HostKind::kType2;
  TranslatedCode code = TranslatedCode::kNone;
  // Makes what runs the kernel's code; `guest` and `paging` outlive it.
  std::function<std::unique_ptr<KernelCode>(hw::Machine& machine, DeprivilegedPaging& paging)> make_kernel;
  // Makes the processor below; default: a modelled one. Machines out of the model's reach are told of each changed table entry.
  std::function<Result<std::unique_ptr<RingCpu>>(hw::Machine& machine, MonitorPart& part)> make_ring;
  TableEdits edits = TableEdits::kUnseen;
  GuestTime time = GuestTime::kModelled;
};

Result<std::unique_ptr<ModelMachine>> create_deprivileged_machine(const DeprivilegedOptions& options);

}  // namespace ringside::vmm
