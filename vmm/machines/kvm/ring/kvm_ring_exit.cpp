// Running the guest, and what KVM_RUN came back with.
#include <algorithm>
#include <cassert>

#include "traces/base/text.h"
#include "vmm/core/peek.h"
#include "vmm/machines/kvm/kvm_registers.h"
#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"
#include "vmm/machines/kvm/ring/ring_segments.h"
#include "vmm/machines/kvm/ring/ring_trap.h"

namespace ringside::vmm {

using text::tr;

namespace {

constexpr std::chrono::milliseconds kLookInterval{20};   // a lost signal costs no more than this
constexpr std::chrono::microseconds kStubTakes{200};     // generously, where CPL 0 is interpreted

// Vectors whose frame has an error code [SDM 3A table 6-1]; AMD's 29 and 30 too [APM 2 8.2].
bool has_error_code(uint8_t vector) {
  constexpr uint32_t kWithCode = 1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21 | 1u << 29 | 1u << 30;
  return kWithCode >> (vector & 31) & 1;
}

SyscallEnabled syscall_enabled(const RingControls& controls) {
  return controls.efer & hw::efer::kSce ? SyscallEnabled::kYes : SyscallEnabled::kNo;
}

}  // namespace

// Until the guest traps or the time to look has come. A processor in the stub is always let out of it first, and an exception that is on its way
// into the stub is let in: its context would otherwise be neither the guest's nor ours to change.
Result<KvmRingCpu::Ended> KvmRingCpu::run_guest(SteadyClock::time_point deadline) {
  for (bool stop = false, kicked = false;;) {
    const auto now = SteadyClock::now();
    const bool left = BOOST_OUTCOME_TRYX(vcpu_->run(stop ? now + kStubTakes : std::min(deadline, now + kLookInterval)));
    if (vcpu_->take_kick()) stop = kicked = true;
    if (left) {
      if (kicked) vcpu_->keep_kick();
      return Ended::kTrapped;
    }
    stop = stop || SteadyClock::now() >= deadline;
    if (stop && at_guest() && !vcpu_->event_pending()) return Ended::kInterrupted;
  }
}

Result<RingEvent> KvmRingCpu::trapped(RingContext& context, const RingControls& controls) {
  const kvm_run& exit = vcpu_->exit();
  if (exit.exit_reason != KVM_EXIT_IO || exit.io.direction != KVM_EXIT_IO_OUT) return unexpected_exit(context, controls);
  take_data_segments(context);
  const uint16_t port = exit.io.port;
  if (port >= ring_port::kVector && port < ring_port::kVector + ring_port::kVectors)
    return exception(static_cast<uint8_t>(port - ring_port::kVector), context, controls);
  if (port == ring_port::kSyscall || port == ring_port::kCompatSyscall) return syscall(port, context, controls);
  return unexpected_exit(context, controls);
}

Result<RingEvent> KvmRingCpu::exception(uint8_t vector, RingContext& context, const RingControls& controls) {
  ++counts_.exceptions;
  // The gate's OUT left RSP at the frame [SDM 3A figure 6-9 "IA-32e Mode Stack Usage After Privilege Level Change"].
  const kvm_regs& regs = vcpu_->regs();
  uint64_t at = regs.rsp;
  const auto pop = [&] {
    const uint64_t value = stub_.word(at).value_or(0);
    at += 8;
    return value;
  };
  RingException e{.vector = vector, .has_error = has_error_code(vector)};
  if (e.has_error) e.error = static_cast<uint32_t>(pop());
  RingFrame frame;
  for (uint64_t* word : {&frame.rip, &frame.cs, &frame.rflags, &frame.rsp, &frame.ss}) *word = pop();
  if ((frame.cs & 3) != 3) return stub_fault(vector, frame.rip, controls);

  gpr_of(regs, context.gpr);
  context.gpr[hw::kRsp] = frame.rsp;
  context.rip = frame.rip;
  context.rflags = frame.rflags & ~hw::rflags::kRf;  // set in the frame of every fault
  context.segment[hw::kCs] = from_frame(hw::kCs, static_cast<uint16_t>(frame.cs));
  context.segment[hw::kSs] = from_frame(hw::kSs, static_cast<uint16_t>(frame.ss));
  segments_in_ = context.segment;

  if (vector == static_cast<uint8_t>(hw::Vector::kPF)) e.cr2 = vcpu_->sregs().cr2;
  if (vector == static_cast<uint8_t>(hw::Vector::kDB)) {
    constexpr uint64_t kCauses = 0xe00f;  // BT, BS, BD, B3 to B0
    e.dr6 = BOOST_OUTCOME_TRYX(vcpu_->dr6()) & kCauses;
    debug_loaded_ = false;  // the processor never clears DR6
  }
  std::array<uint8_t, 15> at_bytes;
  std::array<uint8_t, 2> before_bytes;
  const auto before = [&](uint64_t rip) { return std::span(before_bytes).first(peek(context, controls, rip - before_bytes.size(), before_bytes)); };
  // Some hosts let SYSCALL go to its entry without a change of CPL, where it can only fault.
  if (frame.rip == stub_.syscall_entry() && ends_with_syscall(before(context.gpr[hw::kRcx]))) {
    ++counts_.system_calls;
    return event_of_syscall(syscall_enabled(controls), context);
  }
  const CodeWindow code{.at = std::span(at_bytes).first(peek(context, controls, context.rip, at_bytes)),
                        .before = is_trap_of_interrupt(vector) ? before(context.rip) : std::span<uint8_t>{}};
  return event_of(e, code, syscall_enabled(controls), context);
}

// No frame and no stack: the old rip and flags are in RCX and R11 [SDM 2B "SYSCALL"].
Result<RingEvent> KvmRingCpu::syscall(uint16_t port, RingContext& context, const RingControls& controls) {
  ++counts_.system_calls;
  gpr_of(vcpu_->regs(), context.gpr);
  // AMD's processors have SYSCALL in compatibility mode, which the modelled one does not.
  const bool undefined = port == ring_port::kCompatSyscall;
  return event_of_syscall(undefined ? SyscallEnabled::kNo : syscall_enabled(controls), context);
}

RingEvent KvmRingCpu::interrupted(RingContext& context) {
  ++counts_.interruptions;
  const kvm_regs& regs = vcpu_->regs();
  const kvm_sregs& sregs = vcpu_->sregs();
  gpr_of(regs, context.gpr);
  context.rip = regs.rip;
  context.rflags = regs.rflags;
  take_data_segments(context);
  context.segment[hw::kCs] = segment_of(sregs.cs);
  context.segment[hw::kSs] = segment_of(sregs.ss);
  segments_in_ = context.segment;
  return RingInterrupted{};
}

// --- registers ---------------------------------------------------------------------------------------------------------------

void KvmRingCpu::take_data_segments(RingContext& context) {
  kvm_sregs sregs = vcpu_->sregs();
  for (const hw::SegmentName name : {hw::kEs, hw::kDs, hw::kFs, hw::kGs}) segments_in_[name] = context.segment[name] = segment_of(segment_in(sregs, name));
}

// The gate replaced CS and SS: their hidden parts are those they were entered with, unless the guest has loaded another selector since.
hw::Segment KvmRingCpu::from_frame(hw::SegmentName which, uint16_t selector) const {
  return segments_in_[which].selector == selector ? segments_in_[which] : loaded_segment(gdt_, selector);
}

size_t KvmRingCpu::peek(const RingContext& context, const RingControls& controls, uint64_t rip, std::span<uint8_t> out) const {
  Registers r;
  r.cr0 = controls.cr0, r.cr3 = controls.root, r.cr4 = real_cr4(controls), r.efer = controls.efer;
  const hw::Segment& cs = context.segment[hw::kCs];
  const uint64_t linear = cs.long_code() ? rip : static_cast<uint32_t>(cs.base + rip);
  size_t done = 0;
  while (done < out.size()) {
    const size_t in_page = std::min<size_t>(out.size() - done, kPageSize - (linear + done) % kPageSize);
    GuestPhysical physical;
    if (!peek_translate(r, memory_, GuestVirtual(linear + done), physical) || !memory_.contains(physical, in_page)) break;
    std::memcpy(out.data() + done, memory_.host(physical), in_page);
    done += in_page;
  }
  return done;
}

// --- what must not happen ------------------------------------------------------------------------------------------------------

Error KvmRingCpu::unexpected_exit(const RingContext& context, const RingControls& controls) const {
  const kvm_run& exit = vcpu_->exit();
  const uint64_t rip = vcpu_->regs().rip;
  switch (exit.exit_reason) {
    case KVM_EXIT_SHUTDOWN: return fail(ExitCode::kHost, tr("vmm.ring.shutdown", controls.root, stub_.linear()));
    case KVM_EXIT_MMIO: return fail(ExitCode::kHost, tr("vmm.ring.no-ram", rip, uint64_t{exit.mmio.phys_addr}));
    case KVM_EXIT_FAIL_ENTRY: return fail(ExitCode::kHost, tr("vmm.ring.entry-refused", uint64_t{exit.fail_entry.hardware_entry_failure_reason}, rip));
    case KVM_EXIT_INTERNAL_ERROR: {
      std::array<uint8_t, 15> bytes;
      std::string text;
      const size_t n = peek(context, controls, rip, bytes);
      for (size_t i = 0; i < n; ++i) text += fmt::format("{}{:02x}", i ? " " : "", bytes[i]);
      return fail(ExitCode::kHost, tr("vmm.ring.not-carried-out", rip, text));
    }
    default: return fail(ExitCode::kHost, tr("vmm.ring.unexpected", uint32_t{exit.exit_reason}, rip));
  }
}

Error KvmRingCpu::stub_fault(uint8_t vector, uint64_t rip, const RingControls& controls) const {
  return fail(ExitCode::kHost, tr("vmm.ring.stub-fault", vector, rip, uint64_t{vcpu_->sregs().cr2}, controls.root));
}

}  // namespace ringside::vmm
