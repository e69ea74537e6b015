// Controls and entry; what comes back is in kvm_ring_exit.cpp.
#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"

#include <algorithm>
#include <cassert>

#include "vmm/machines/kvm/kvm_registers.h"
#include "vmm/machines/kvm/ring/ring_fpu.h"
#include "vmm/machines/kvm/ring/ring_segments.h"

namespace ringside::vmm {

namespace {

// Loaded without a trap by the guest or not at all: the segments beside CS and SS, which the frame has.
constexpr hw::SegmentName kDataSegments[] = {hw::kEs, hw::kDs, hw::kFs, hw::kGs};

bool same(const hw::Segment& a, const hw::Segment& b) {
  return a.base == b.base && a.limit == b.limit && a.selector == b.selector && a.rights == b.rights;
}

unsigned levels(const RingControls& controls) { return controls.cr4 & hw::cr4::kLa57 ? 5 : 4; }

bool canonical(uint64_t address, unsigned levels) {
  const unsigned unused = levels == 5 ? 7 : 16;
  return static_cast<uint64_t>(static_cast<int64_t>(address << unused) >> unused) == address;
}

uint64_t flags_for_guest(uint64_t rflags) {
  using namespace hw::rflags;
  return (rflags | kIf | kFixed) & ~(kIopl | kVm | kVif | kVip);
}

namespace msr {
constexpr uint32_t kStar = 0xc0000081, kLstar = 0xc0000082, kCstar = 0xc0000083, kFmask = 0xc0000084, kSysenterCs = 0x174;
}

}  // namespace

Result<std::unique_ptr<KvmRingCpu>> KvmRingCpu::create(hw::PhysicalMemory& memory, const RingPages& pages, const hw::Cpu& model,
                                                       const hw::Clock& clock, const std::string& device) {
  auto edits = BOOST_OUTCOME_TRYX(EditSpace::create(memory));
  std::unique_ptr<KvmRingCpu> cpu(new KvmRingCpu(memory, pages, clock, std::move(edits)));
  cpu->vcpu_ = BOOST_OUTCOME_TRYX(RingVcpu::create(memory, cpu->edits_, model, device));
  return cpu;
}

KvmRingCpu::KvmRingCpu(hw::PhysicalMemory& memory, const RingPages& pages, const hw::Clock& clock, EditSpace edits)
    : memory_(memory), clock_(clock), pages_(pages), gdt_(memory, pages.gdt), stub_(RingArea(memory, pages.stub)), edits_(std::move(edits)) {}

// --- enter -----------------------------------------------------------------------------------------------------------------

Result<RingEvent> KvmRingCpu::enter(RingContext& context, const RingControls& controls, const RingFlush& flush, const RingBounds& bounds) {
  ++counts_.entries;
  BOOST_OUTCOME_TRYV(load_controls(controls, context));
  const auto now = SteadyClock::now();
  const auto deadline = deadline_of(bounds, now);
  const bool look_first = vcpu_->take_kick() || now >= deadline;
  const bool fetch_faults = context.segment[hw::kCs].long_code() && !canonical(context.rip, levels(controls));
  if (look_first || fetch_faults) {
    if (!flush.empty()) {
      BOOST_OUTCOME_TRYV(flush_only(controls, flush));
    }
    if (look_first) return RingInterrupted{};
    return RingException{.vector = static_cast<uint8_t>(hw::Vector::kGP), .has_error = true};
  }

  const Way way = way_for(context);
  const bool needs_stub = !flush.empty() || in_.root != controls.root || !at_guest();
  if (way == Way::kIret && needs_stub) {
    RingChain chain(stub_);
    BOOST_OUTCOME_TRYV(add_flush(chain, controls, flush));
    chain.leave(context.gpr[hw::kRdi], context.rip, context.segment[hw::kCs].selector, flags_for_guest(context.rflags),
                context.gpr[hw::kRsp], context.segment[hw::kSs].selector);
    stand_at(chain, context);
  } else {
    if (!flush.empty()) {
      BOOST_OUTCOME_TRYV(flush_only(controls, flush));
    }
    stand_at_guest(context, controls.root);
  }
  segments_in_ = context.segment;
  const Ended ended = BOOST_OUTCOME_TRYX(run_guest(deadline));
  return ended == Ended::kTrapped ? trapped(context, controls) : interrupted(context);
}

// The guest's clock runs with the host's while it is in here: one of its cycles is a nanosecond.
RingVcpu::SteadyClock::time_point KvmRingCpu::deadline_of(const RingBounds& bounds, SteadyClock::time_point now) const {
  const uint64_t guest_now = clock_.now().value;
  const uint64_t wait = bounds.time.value > guest_now ? bounds.time.value - guest_now : 0;
  constexpr uint64_t kFar = 1ull << 62;
  return wait < kFar ? std::min(bounds.wall_deadline, now + std::chrono::nanoseconds(wait)) : bounds.wall_deadline;
}

KvmRingCpu::Way KvmRingCpu::way_for(const RingContext& context) const {
  const hw::Segment &cs = context.segment[hw::kCs], &ss = context.segment[hw::kSs];
  const bool wide = cs.long_code();
  return iret_loads(gdt_, cs, StackOrCode::kCode, wide) && iret_loads(gdt_, ss, StackOrCode::kStack, wide) ? Way::kIret : Way::kRegisters;
}

// At CPL 0 before a chain. From the guest itself (after an interruption) CS and SS have to change, from a gate they are right.
void KvmRingCpu::stand_at(const RingChain& chain, const RingContext& context) {
  if (at_guest()) {
    kvm_sregs sregs = vcpu_->sregs();
    sregs.cs = kvm_segment_of(monitor_code());
    sregs.ss = kvm_segment_of(monitor_stack());
    vcpu_->set_sregs(sregs);
  }
  kvm_regs regs = kvm_regs_of(context.gpr);
  regs.rip = chain.rip();
  regs.rsp = chain.rsp();
  regs.rflags = hw::rflags::kFixed;
  vcpu_->set_regs(regs);
}

// At the guest's next instruction, with everything set by KVM, a new root included: where the stub would have to run for that alone, this is cheaper.
void KvmRingCpu::stand_at_guest(const RingContext& context, uint64_t root) {
  const bool segments = !at_guest() || !same(context.segment[hw::kCs], segments_in_[hw::kCs]) || !same(context.segment[hw::kSs], segments_in_[hw::kSs]);
  if (segments || in_.root != root) {
    kvm_sregs sregs = vcpu_->sregs();
    sregs.cs = kvm_segment_of(context.segment[hw::kCs]);
    sregs.ss = kvm_segment_of(context.segment[hw::kSs]);
    sregs.cr3 = root;
    vcpu_->set_sregs(sregs);
    ++counts_.direct_entries;
    counts_.root_loads += in_.root != root;
    in_.root = root;
  }
  kvm_regs regs = kvm_regs_of(context.gpr);
  regs.rip = context.rip;
  regs.rflags = flags_for_guest(context.rflags);
  vcpu_->set_regs(regs);
}

// --- flushes ---------------------------------------------------------------------------------------------------------------

Result<void> KvmRingCpu::flush_only(const RingControls& controls, const RingFlush& flush) {
  RingChain chain(stub_);
  BOOST_OUTCOME_TRYV(add_flush(chain, controls, flush));
  chain.done();
  return run_stub(chain);
}

// Edits beyond what one chain holds: all but the last portion run by themselves, and leave the processor in the edit space.
Result<std::span<const TableEdit>> KvmRingCpu::store_all_but_last(std::span<const TableEdit> edits) {
  for (; edits.size() > RingChain::kMostStores; edits = edits.subspan(RingChain::kMostStores)) {
    RingChain chain(stub_);
    add_stores(chain, edits.first(RingChain::kMostStores));
    chain.done();
    BOOST_OUTCOME_TRYV(run_stub(chain));
  }
  return edits;
}

void KvmRingCpu::add_stores(RingChain& chain, std::span<const TableEdit> edits) {
  if (edits.empty()) return;
  chain.set_root(edits_.root());
  in_.root = edits_.root();
  for (const TableEdit& edit : edits) {
    uint64_t value = 0;
    const bool ram = memory_.read(GuestPhysical(edit.entry.value), value);
    assert(ram);
    if (ram) chain.store(EditSpace::linear_of(edit.entry), value);
  }
  counts_.edits += edits.size();
}

// Leaves the processor on the guest's root with everything forgotten that is to be. `chain` is still empty.
Result<void> KvmRingCpu::add_flush(RingChain& chain, const RingControls& controls, const RingFlush& flush) {
  const auto edits = BOOST_OUTCOME_TRYX(store_all_but_last(flush.edits));
  add_stores(chain, edits);
  // What does not fit any more, or would cost more than it saves.
  constexpr size_t kMostPages = 256;
  const bool all = flush.all || flush.pages.size() > kMostPages;
  const bool globals = controls.cr4 & hw::cr4::kPge;
  if (in_.root != controls.root || (all && !globals)) {
    chain.set_root(controls.root);
    in_.root = controls.root;
    ++counts_.root_loads;
  }
  if (all) {
    ++counts_.full_flushes;
    if (!globals) return success();
    // A change of CR4.PGE forgets global translations too [SDM 3A 4.10.4.1].
    chain.set_cr4(real_cr4(controls) & ~hw::cr4::kPge);
    chain.set_cr4(real_cr4(controls));
    return success();
  }
  for (const uint64_t page : flush.pages) chain.invalidate(page);
  counts_.page_flushes += flush.pages.size();
  return success();
}

// To the OUT at its end; nothing in it can fail, and nothing the guest does reaches it.
Result<void> KvmRingCpu::run_stub(const RingChain& chain) {
  stand_at(chain, RingContext{});
  const Ended ended = BOOST_OUTCOME_TRYX(run_guest(SteadyClock::time_point::max()));
  const kvm_run& exit = vcpu_->exit();
  assert(ended == Ended::kTrapped);
  if (ended == Ended::kTrapped && exit.exit_reason == KVM_EXIT_IO && exit.io.port == ring_port::kDone) return success();
  return unexpected_exit(RingContext{}, in_);
}

// --- controls --------------------------------------------------------------------------------------------------------------

Result<void> KvmRingCpu::load_controls(const RingControls& controls, const RingContext& context) {
  kvm_sregs sregs = vcpu_->sregs();
  bool change = false;
  RingControls but_root = in_;
  but_root.root = controls.root;
  if (!placed_ || but_root != controls) {
    if (!placed_ || in_.gdt_base != controls.gdt_base || levels(in_) != levels(controls)) {
      BOOST_OUTCOME_TRYV(place(controls));
    }
    if (in_.xcr0 != controls.xcr0) {
      BOOST_OUTCOME_TRYV(vcpu_->set_xcr0(controls.xcr0));
    }
    if (in_.dr != controls.dr || in_.dr7 != controls.dr7) debug_loaded_ = false;
    write_monitor_descriptors(gdt_, stub_.tss(), RingStub::kTssLimit);
    sregs.cr0 = controls.cr0;
    sregs.cr3 = controls.root;  // the old root may not suit the new bits
    sregs.cr4 = real_cr4(controls);
    sregs.efer = controls.efer;
    // The monitor's descriptors lie at the end, whatever limit the guest set.
    sregs.gdt.base = controls.gdt_base;
    sregs.gdt.limit = ring_layout::kGdtBytes - 1;
    sregs.idt.base = stub_.idt();
    sregs.idt.limit = RingStub::kIdtLimit;
    sregs.ldt = kvm_segment_of({.base = 0, .limit = 0, .selector = 0, .rights = hw::access_rights::kUnusable});
    sregs.tr = kvm_segment_of(monitor_tss(stub_.tss(), RingStub::kTssLimit));
    if (!placed_) {  // KVM's reset state is real mode's
      sregs.cs = kvm_segment_of(monitor_code());
      sregs.ss = kvm_segment_of(monitor_stack());
    }
    in_ = controls;
    change = true;
  }
  for (const hw::SegmentName name : kDataSegments) {
    if (placed_ && same(segments_in_[name], context.segment[name])) continue;
    segment_in(sregs, name) = kvm_segment_of(context.segment[name]);
    segments_in_[name] = context.segment[name];
    change = true;
  }
  placed_ = true;
  if (change) vcpu_->set_sregs(sregs);
  return debug_loaded_ ? Result<void>(success()) : load_debug(controls);
}

// The monitor's part got another place, for the first time or because the guest wanted the old one.
Result<void> KvmRingCpu::place(const RingControls& controls) {
  const uint64_t linear = controls.gdt_base - ring_layout::kGdt + ring_layout::kStub;
  assert(linear >> 63);  // the lower half is the edit space's view of RAM
  stub_.place(linear);
  edits_.build(linear, pages_.stub, levels(controls));
  if (placed_) {
    BOOST_OUTCOME_TRYV(vcpu_->forget_edit_space());
  }
  // SYSCALL loads CS from STAR 47:32 and SS from the descriptor behind it [SDM 2B "SYSCALL"]; it clears all flags but the fixed one. With
  // IA32_SYSENTER_CS = 0, SYSENTER faults and has changed nothing.
  static_assert(ring_layout::kMonitorStack == ring_layout::kMonitorCode + 8);
  constexpr uint64_t kAllFlags = 0x3fffd5;
  const RingVcpu::Msr msrs[] = {{msr::kStar, uint64_t{ring_layout::kMonitorCode} << 32},
                                {msr::kLstar, stub_.syscall_entry()},
                                {msr::kCstar, stub_.compat_syscall_entry()},
                                {msr::kFmask, kAllFlags},
                                {msr::kSysenterCs, 0}};
  return vcpu_->set_msrs(msrs);
}

Result<void> KvmRingCpu::load_debug(const RingControls& controls) {
  constexpr uint64_t kDr6Clear = 0xffff0ff0, kGeneralDetect = 1 << 13;
  kvm_debugregs debug{};
  std::copy(controls.dr.begin(), controls.dr.end(), debug.db);
  debug.dr6 = kDr6Clear;
  debug.dr7 = controls.dr7 & ~kGeneralDetect;  // MOV DR faults at CPL 3 anyway
  BOOST_OUTCOME_TRYV(vcpu_->set_debug(debug));
  debug_loaded_ = true;
  return success();
}

// --- the rest --------------------------------------------------------------------------------------------------------------

Result<void> KvmRingCpu::fetch_fpu(hw::CpuState& to) {
  const FxsaveImage image = BOOST_OUTCOME_TRYX(vcpu_->fpu());
  fpu_of(image, to);
  return success();
}

Result<void> KvmRingCpu::put_fpu(const hw::CpuState& from) { return vcpu_->set_fpu(fxsave_of(from)); }

std::vector<NamedCounter> KvmRingCpu::counters() const {
  std::vector<NamedCounter> list{{"ring.entries", counts_.entries},
                                 {"ring.exceptions", counts_.exceptions},
                                 {"ring.system_calls", counts_.system_calls},
                                 {"ring.interruptions", counts_.interruptions},
                                 {"ring.direct_entries", counts_.direct_entries},
                                 {"ring.root_loads", counts_.root_loads},
                                 {"ring.edits", counts_.edits},
                                 {"ring.page_flushes", counts_.page_flushes},
                                 {"ring.full_flushes", counts_.full_flushes}};
  vcpu_->append_counters(list);
  return list;
}

}  // namespace ringside::vmm
