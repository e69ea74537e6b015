// Technique bt: the guest's kernel runs translated. Plugs the translator (engine.h) into the loop all deprivileged techniques share: leads it into
// the translation cache when the kernel is entered, and back to the guest's own terms when it has come out.
#pragma once

#include <memory>

#include "hwmodel/machine/machine.h"
#include "vmm/paging/deprivileged_paging.h"
#include "vmm/techniques/bt/engine.h"
#include "vmm/techniques/deprivileged/kernel_code.h"

namespace ringside::vmm::bt {

class BtKernel final : public KernelCode {
 public:
  // `machine` is the virtual one; both outlive this. `cpu`: which of its processors.
  BtKernel(hw::Machine& machine, unsigned cpu, DeprivilegedPaging& paging, const EngineOptions& options, EngineObserver* observer = nullptr);
  ~BtKernel() override;

  Enter enter(hw::Cpu& guest, RingContext& context) override;
  Then leave(hw::Cpu& guest, RingContext& context, const RingEvent& event) override;
  std::vector<NamedCounter> counters() const override;

  BtEngine& engine() { return *engine_; }

 private:
  // What the virtual processor's mappings looked like at the last entry.
  struct Seen {
    uint64_t cr0 = 0, cr3 = 0, cr4 = 0, efer = 0, flushes_all = 0, flushes_page = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  // Where translated code stopped and may run on if nothing has happened to the guest meanwhile.
  struct Stop {
    bool resumable = false, by_page_fault = false;
    RingContext code;    // in the cache
    Stopped answer;
    uint64_t emulated_writes = 0;
  };

  EngineMemory memory();
  void follow_mappings(const hw::Cpu& guest);
  void note_traced_access();
  bool resumes(const RingContext& context) const;

  hw::Machine& machine_;
  unsigned cpu_;
  DeprivilegedPaging& paging_;
  VirtualCpuCode code_;
  std::unique_ptr<BtEngine> engine_;
  uint64_t base_;
  Seen seen_;
  Stop stop_;
  uint64_t resumed_ = 0;
};

}  // namespace ringside::vmm::bt
