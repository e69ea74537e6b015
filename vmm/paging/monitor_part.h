// The monitor's part of a deprivileged guest's linear address space (core/ring_layout.h), backed by pages of the monitor's pool: the tables
// below its one entry in the guest's top table, and host pointers to what lies there. Called by deprivileged_paging; the RingCpu and the
// translator get their areas from it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "traces/base/result.h"
#include "vmm/core/ring_layout.h"
#include "vmm/paging/monitor_memory.h"

namespace ringside::vmm {

// Whether translated code is run: its state and cache are then mapped in the kernel's view.
enum class TranslatedCode : uint8_t { kNone, kMapped };

class MonitorPart {
 public:
  static Result<std::unique_ptr<MonitorPart>> create(MonitorMemory& monitor, TranslatedCode code);

  // The entry for the top table of a guest with that many levels, in the view of its kernel or of its users.
  uint64_t entry_for_kernel(unsigned levels) const { return entry(kernel_, levels); }
  uint64_t entry_for_user(unsigned levels) const { return entry(user_, levels); }

  // Page `index` of an area that begins at `offset` (ring_layout), and its machine address.
  uint8_t* host(uint64_t offset) const;
  HostPhysical machine(uint64_t offset) const;

 private:
  explicit MonitorPart(MonitorMemory& monitor) : monitor_(monitor) {}
  struct View {
    HostPhysical level4, level3, level2;  // level4 only for five-level guests
  };
  bool build(TranslatedCode code);
  bool make_pages(uint64_t offset, uint64_t bytes);
  bool make_view(View& view, TranslatedCode code);
  bool map(View& view, uint64_t offset, uint64_t bytes, uint64_t bits);
  static uint64_t entry(const View& view, unsigned levels);

  MonitorMemory& monitor_;
  std::vector<HostPhysical> pages_;  // by page of the part; address 0: none
  View kernel_, user_;
};

}  // namespace ringside::vmm
