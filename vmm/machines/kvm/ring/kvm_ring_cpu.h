// RingCpu on the real processor: /dev/kvm is used as a bare computer whose ring 0 holds only the stub (ring_stub.h). The guest runs at CPL 3 at
// the processor's own speed; an exception leads through its gate to an OUT, which ends KVM_RUN here, with the frame on the stub's stack in RAM.
// The next entry writes a chain for the stub: what must be flushed and stored, then IRETQ.
//
//   guest, CPL 3 ──exception──> gate, CPL 0 ──OUT──> enter() returns ... enter() ──> [stores] [CR3] [INVLPGs] IRETQ ──> guest, CPL 3
//
// Page tables. Where the host's KVM shadows the guest's tables itself (no EPT or NPT, and some hosts behind a hypervisor), it notices entries that
// appear, but not that one changed or went while the virtual processor stood still. The stub therefore repeats such stores (RingFlush::edits) at
// CPL 0, on a root of its own that maps all RAM (edit_space.h). With EPT the stores are redundant and INVLPG or the load of CR3 does the work.
//
// Facts of some hosts that no stub can mend are measured by ring_probe.h: CPUID, RDTSC and segment selectors may show the host's, CR0.TS may be
// ignored. MODEL: PCIDs are not used, since the monitor's roots are switched by it alone; instructions are not counted.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "hwmodel/platform/device.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/machines/kvm/ring/ring_pages.h"
#include "vmm/machines/kvm/ring/ring_stub.h"
#include "vmm/machines/kvm/ring/ring_vcpu.h"

namespace ringside::vmm {

class KvmRingCpu final : public RingCpu {
 public:
  // `memory` becomes the machine's RAM; it, `model`, whose CPUID the guest is to see, and `clock`, whose time RingBounds means, outlive this.
  // `pages` are what the caller maps at ring_layout::kGdt and kStub of every root it ever passes, present and writable for the supervisor.
  static Result<std::unique_ptr<KvmRingCpu>> create(hw::PhysicalMemory& memory, const RingPages& pages, const hw::Cpu& model, const hw::Clock& clock,
                                                    const std::string& device = "/dev/kvm");

  Result<RingEvent> enter(RingContext& context, const RingControls& controls, const RingFlush& flush, const RingBounds& bounds) override;
  Result<void> fetch_fpu(hw::CpuState& to) override;
  Result<void> put_fpu(const hw::CpuState& from) override;
  uint64_t instructions() const override { return 0; }
  void interrupt() noexcept override { vcpu_->kick(); }
  std::vector<NamedCounter> counters() const override;

 private:
  using SteadyClock = RingVcpu::SteadyClock;
  KvmRingCpu(hw::PhysicalMemory& memory, const RingPages& pages, const hw::Clock& clock, EditSpace edits);
  SteadyClock::time_point deadline_of(const RingBounds& bounds, SteadyClock::time_point now) const;

  // Controls: what enter() was given against what is in.
  Result<void> load_controls(const RingControls& controls, const RingContext& context);
  Result<void> place(const RingControls& controls);
  Result<void> load_debug(const RingControls& controls);
  uint64_t real_cr4(const RingControls& controls) const { return controls.cr4 & ~hw::cr4::kPcide; }

  // Entry.
  enum class Way : uint8_t { kIret, kRegisters };  // how CS, SS and rip get in: the stub's IRETQ loads them, or KVM sets them
  Way way_for(const RingContext& context) const;
  Result<void> flush_only(const RingControls& controls, const RingFlush& flush);
  Result<std::span<const TableEdit>> store_all_but_last(std::span<const TableEdit> edits);
  void add_stores(RingChain& chain, std::span<const TableEdit> edits);
  Result<void> add_flush(RingChain& chain, const RingControls& controls, const RingFlush& flush);
  void stand_at(const RingChain& chain, const RingContext& context);
  void stand_at_guest(const RingContext& context, uint64_t root);
  Result<void> run_stub(const RingChain& chain);

  // Exit.
  enum class Ended : uint8_t { kTrapped, kInterrupted };
  Result<Ended> run_guest(SteadyClock::time_point deadline);
  bool at_guest() const { return (vcpu_->sregs().cs.selector & 3) == 3; }
  Result<RingEvent> trapped(RingContext& context, const RingControls& controls);
  RingEvent interrupted(RingContext& context);
  Result<RingEvent> exception(uint8_t vector, RingContext& context, const RingControls& controls);
  Result<RingEvent> syscall(uint16_t port, RingContext& context, const RingControls& controls);
  void take_data_segments(RingContext& context);
  hw::Segment from_frame(hw::SegmentName which, uint16_t selector) const;
  size_t peek(const RingContext& context, const RingControls& controls, uint64_t rip, std::span<uint8_t> out) const;
  Error unexpected_exit(const RingContext& context, const RingControls& controls) const;
  Error stub_fault(uint8_t vector, uint64_t rip, const RingControls& controls) const;

  hw::PhysicalMemory& memory_;
  const hw::Clock& clock_;
  RingPages pages_;
  RingArea gdt_;
  RingStub stub_;
  EditSpace edits_;
  std::unique_ptr<RingVcpu> vcpu_;

  bool placed_ = false;
  RingControls in_;              // as loaded, root included
  bool debug_loaded_ = false;    // DR0 to DR3 and DR7 are those of in_, and DR6 is clear
  std::array<hw::Segment, 6> segments_in_{};  // ES, DS, FS, GS as the processor has them, CS and SS as of the last entry or exit

  struct Counts {
    uint64_t entries = 0, exceptions = 0, system_calls = 0, interruptions = 0, direct_entries = 0, root_loads = 0, edits = 0,
             page_flushes = 0, full_flushes = 0;
  } counts_;
};

}  // namespace ringside::vmm
