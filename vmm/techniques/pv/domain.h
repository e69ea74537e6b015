// One paravirtual guest as its hypercalls see it: memory with its checked tables, virtual processor, event channels, rings. Knows no
// processor: the registers are a RingContext somebody runs, and time, console and ports belong to a DomainHost. Made when a guest starts
// (start.h); changed by hypercalls (hypercall.h) and by entries into the kernel (kernel_entry.h).
#pragma once

#include <optional>
#include <span>

#include "vmm/core/ring_cpu.h"
#include "vmm/paging/direct_paging.h"
#include "vmm/techniques/pv/block_backend.h"
#include "vmm/techniques/pv/console_backend.h"
#include "vmm/techniques/pv/event_channels.h"
#include "vmm/techniques/pv/guest_access.h"
#include "vmm/techniques/pv/segments.h"
#include "vmm/techniques/pv/virtual_cpu.h"

namespace ringside::vmm::pv {

// What the domain needs of the machine it runs on.
class DomainHost {
 public:
  virtual ~DomainHost() = default;
  virtual uint64_t now() = 0;                             // system time in ns
  virtual void console(std::span<const char> text) = 0;
  virtual void timer_changed() = 0;                       // VirtualCpu::timer has another value
  virtual void disk_moved(uint64_t /*sectors*/) {}        // a block request was served
};

// The pages guest and monitor share, and the ports the devices are bound to. The loader chooses the pages and says where they are.
struct SharedPages {
  MachineFrame shared_info, console_ring, block_ring;  // block_ring 0: no block device
};

class Domain {
 public:
  // `shared` must be held writable already. `store` may be null.
  Domain(DirectPaging& paging, GdtWindow& gdt, const SharedPages& shared, BlockStore* store, DomainHost& host);

  DirectPaging& paging;
  GdtWindow& gdt_window;
  DomainHost& host;
  GuestAccess memory;
  Descriptors descriptors;
  VirtualCpu cpu;
  RingContext context;
  EventChannels events;
  ConsoleBackend console;
  std::optional<BlockBackend> block;
  uint32_t console_port = 0, block_port = 0;

  // The guest notified the device at `port`.
  void notified(uint32_t port);
  // System time has reached `now`: the timer fires if it is due.
  void time_is(uint64_t now);
  bool callback_due() const { return events.pending() && !events.masked(); }
};

}  // namespace ringside::vmm::pv
