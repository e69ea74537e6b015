// The guest's descriptors in the monitor's part of the address space: copies of its descriptor frames, with the monitor's flat segments behind.
// MODEL: a copy, not a mapping as in Xen: the frames change by hypercalls only, which tell of it, and accessed flags are set beforehand.
#pragma once

#include <cstring>

#include "vmm/paging/monitor_part.h"
#include "vmm/techniques/pv/segments.h"

namespace ringside::vmm::pv {

class PartWindow final : public GdtWindow {
 public:
  PartWindow(MonitorPart& part, const FrameTable& frames) : part_(part), frames_(frames) {
    auto* descriptors = reinterpret_cast<uint64_t*>(page(kGuestGdtPages));
    for (unsigned i = 0; i < kPageSize / 8; ++i)
      if (flat_descriptor(i)) descriptors[i] = flat_descriptor(i);
  }
  void show(std::span<const MachineFrame> frames) override {
    for (unsigned i = 0; i < kGuestGdtPages; ++i) {
      if (i < frames.size()) std::memcpy(page(i), frames_.host(frames[i]), kPageSize);
      else std::memset(page(i), 0, kPageSize);
    }
  }

 private:
  uint8_t* page(unsigned index) const { return part_.host(ring_layout::kGdt + index * kPageSize); }
  MonitorPart& part_;
  const FrameTable& frames_;
};

}  // namespace ringside::vmm::pv
