// Entering a KVM guest and describing how it came out.
#include "vmm/machines/kvm/kvm_vcpu.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "traces/base/text.h"
#include "vmm/core/peek.h"
#include "vmm/machines/kvm/kvm_abi.h"
#include "vmm/machines/kvm/kvm_cpuid.h"
#include "vmm/machines/kvm/kvm_exit.h"
#include "vmm/machines/kvm/kvm_registers.h"

namespace ringside::vmm {

namespace {

using SteadyClock = std::chrono::steady_clock;

// How often a guest that does not exit is looked at: HLT without interrupts is noticed, and a lost signal costs no more.
constexpr std::chrono::milliseconds kLookInterval{20};
// After so many looks without an exit the run loop gets its turn (stop flag, counters).
constexpr unsigned kLooksPerSlice = 5;

}  // namespace

Result<std::unique_ptr<KvmVcpu>> KvmVcpu::create(const KvmSystem& system, const Fd& vm, unsigned id, unsigned count,
                                                 hw::PhysicalMemory& memory, HostClock& clock) {
  std::unique_ptr<KvmVcpu> vcpu(new KvmVcpu(id, memory, clock));
  BOOST_OUTCOME_TRY(fd, kvm_call(vm, KVM_CREATE_VCPU, static_cast<unsigned long>(id), "vmm.kvm.create-vcpu"));
  vcpu->fd_ = Fd(fd);
  BOOST_OUTCOME_TRY(vcpu->map_run_area(system.run_area_bytes()));
  const KvmCapabilities& can = system.capabilities();
  vcpu->sync_regs_ = can.sync_regs;
  vcpu->has_mp_state_ = can.mp_state && can.irqchip;
  vcpu->has_guest_debug_ = can.guest_debug;
  vcpu->has_events_ = can.vcpu_events;
  if (can.sync_regs) vcpu->run_->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  vcpu->timer_.emplace(vcpu->run_);

  BOOST_OUTCOME_TRY(supported, system.supported_cpuid());
  KvmCpuidList cpuid(cpuid_for(std::move(supported), {.id = id, .count = count, .tsc_deadline = can.tsc_deadline}));
  BOOST_OUTCOME_TRY(kvm_call(vcpu->fd_, kKvmSetCpuid2, cpuid.data(), "vmm.kvm.set-cpuid"));

  if (can.stats_fd) {
    // Statistics are a bonus: without them the run goes on.
    if (auto stats = KvmStats::open(vcpu->fd_, "kvm.vcpu" + std::to_string(id) + ".")) vcpu->stats_ = std::move(stats.value());
  }
  return vcpu;
}

KvmVcpu::~KvmVcpu() {
  timer_.reset();  // before the mapping its signal writes to goes away
  if (run_) ::munmap(run_, run_bytes_);
}

Result<void> KvmVcpu::map_run_area(size_t bytes) {
  if (bytes < sizeof(kvm_run)) return kvm_failure("vmm.kvm.map-run", EINVAL);
  void* area = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (area == MAP_FAILED) return kvm_failure("vmm.kvm.map-run", errno);
  run_ = static_cast<kvm_run*>(area);
  run_bytes_ = bytes;
  return success();
}

Result<Exit> KvmVcpu::run(const RunBounds& bounds) {
  BOOST_OUTCOME_TRY(timer_->prepare());
  for (unsigned looks = 1;; ++looks) {
    // Cleared before the reasons are looked at: a kick or timer from here on sets it again, and KVM_RUN returns at once.
    const_cast<volatile kvm_run*>(run_)->immediate_exit = 0;
    clock_.fire_due();
    std::optional<InterruptedBy> reason;
    if (kicked_.exchange(false)) reason = InterruptedBy::kKick;
    else if (SteadyClock::now() >= bounds.wall_deadline || clock_.now() >= bounds.guest_deadline) reason = InterruptedBy::kDeadline;
    timer_->arm_by(next_look(bounds));

    const Cycles entered = clock_.now();
    if (reason) const_cast<volatile kvm_run*>(run_)->immediate_exit = 1;  // completes a pending I/O and comes right back
    const int result = ::ioctl(fd_.get(), KVM_RUN, 0);
    const int error = result < 0 ? errno : 0;
    const Cycles left = clock_.now();

    if (error && error != EINTR && error != EAGAIN) return kvm_failure("vmm.kvm.run", error);
    if (error) run_->exit_reason = KVM_EXIT_INTR;
    BOOST_OUTCOME_TRY(exit, describe_exit(entered, left));
    if (!error) return exit;
    if (reason) {
      exit.cause = InterruptedExit{.by = *reason};
      return exit;
    }
    if (has_mp_state_) {
      BOOST_OUTCOME_TRY(registers, registers_after_exit());
      if (halted_forever(registers)) {
        exit.cause = HaltExit{.interrupts_enabled = false};
        exit.info.raw_reason = KVM_EXIT_HLT;
        return exit;
      }
    }
    if (looks >= kLooksPerSlice) return exit;
    guest_time_ = exit.info.guest_time;  // our own look: time goes on adding up
  }
}

SteadyClock::time_point KvmVcpu::next_look(const RunBounds& bounds) const {
  const auto now = SteadyClock::now();
  auto look = std::min(now + kLookInterval, bounds.wall_deadline);
  const auto by_clock = [&](Cycles when) {
    const uint64_t now_ns = clock_.now().value;
    const uint64_t wait = when.value > now_ns ? when.value - now_ns : 0;
    constexpr uint64_t kFar = 1'000'000'000;
    look = std::min(look, now + std::chrono::nanoseconds(std::min(wait, kFar)));
  };
  by_clock(bounds.guest_deadline);
  if (const auto timer = clock_.next_deadline()) by_clock(*timer);
  return look;
}

bool KvmVcpu::halted_forever(const Registers& registers) const {
  if (registers.rflags & hw::rflags::kIf) return false;
  kvm_mp_state state{};
  return ::ioctl(fd_.get(), KVM_GET_MP_STATE, &state) == 0 && state.mp_state == KVM_MP_STATE_HALTED;
}

// --- describing an exit -------------------------------------------------------------------------------------------------

Result<Exit> KvmVcpu::describe_exit(Cycles entered, Cycles left) {
  BOOST_OUTCOME_TRY(registers, registers_after_exit());
  Exit exit{.cause = classify(*run_, {reinterpret_cast<uint8_t*>(run_), run_bytes_}, registers), .info = {}};
  exit.info.vcpu = id_;
  exit.info.raw_reason = run_->exit_reason;
  exit.info.time = left;
  exit.info.guest_time = guest_time_ + (left - entered);
  guest_time_ = Cycles(0);
  describe_place(registers, exit);
  return exit;
}

void KvmVcpu::describe_place(const Registers& registers, Exit& exit) {
  ExitInfo& info = exit.info;
  info.guest_rip = registers.rip;
  info.cpl = static_cast<uint8_t>(registers.cpl());
  uint64_t linear = registers.linear_rip();
  if (const auto* port = std::get_if<PortExit>(&exit.cause)) {
    constexpr size_t kLongestOut = 3;
    std::array<uint8_t, kLongestOut> before{};
    std::array<uint8_t, 15> at{};
    const size_t n = registers.rip >= kLongestOut ? peek_bytes(registers, linear - kLongestOut, before) : 0;
    const size_t m = peek_bytes(registers, linear, at);
    const unsigned back =
        port_instruction_distance(*port, std::span(before).first(n == kLongestOut ? n : 0), std::span(at).first(m));
    info.guest_rip -= back;
    linear -= back;
  }
  info.instruction_length = static_cast<uint8_t>(peek_bytes(registers, linear, info.instruction));
}

size_t KvmVcpu::peek_bytes(const Registers& registers, uint64_t linear, std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const size_t in_page = std::min<size_t>(out.size() - done, kPageSize - (linear + done) % kPageSize);
    GuestPhysical physical;
    if (!vmm::peek_translate(registers, memory_, GuestVirtual(linear + done), physical)) break;
    if (!memory_.contains(physical, in_page)) break;
    std::memcpy(out.data() + done, memory_.host(physical), in_page);
    done += in_page;
  }
  return done;
}

// --- state --------------------------------------------------------------------------------------------------------------

Result<Registers> KvmVcpu::registers_after_exit() {
  if (sync_regs_) return registers_of(run_->s.regs.regs, run_->s.regs.sregs);
  return registers();
}

Result<Registers> KvmVcpu::registers() {
  kvm_regs regs{};
  kvm_sregs sregs{};
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_GET_REGS, &regs, "vmm.kvm.get-registers"));
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_GET_SREGS, &sregs, "vmm.kvm.get-registers"));
  return registers_of(regs, sregs);
}

Result<void> KvmVcpu::set_registers(const Registers& registers) {
  kvm_sregs sregs{};
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_GET_SREGS, &sregs, "vmm.kvm.get-registers"));
  apply_registers(registers, sregs);
  kvm_regs regs = kvm_regs_of(registers);
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_SET_SREGS, &sregs, "vmm.kvm.set-registers"));
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_SET_REGS, &regs, "vmm.kvm.set-registers"));
  return success();
}

bool KvmVcpu::peek_translate(GuestVirtual linear, GuestPhysical& physical) {
  const Result<Registers> r = registers();
  return r && vmm::peek_translate(r.value(), memory_, linear, physical);
}

// --- answers and orders ---------------------------------------------------------------------------------------------------

void KvmVcpu::answer(const MmioExit& exit) {
  if (exit.direction == Direction::kRead) std::memcpy(run_->mmio.data, &exit.value, std::min<size_t>(exit.size, 8));
}

void KvmVcpu::answer(const HypercallExit& exit) { run_->hypercall.ret = exit.result; }

void KvmVcpu::answer(const MsrExit& exit) {
  run_->msr.error = exit.fault ? 1 : 0;
  if (exit.direction == Direction::kRead) run_->msr.data = exit.value;
}

Result<void> KvmVcpu::inject(const Injection& injection) {
  if (!has_events_) return fail(ExitCode::kHost, text::tr("vmm.kvm.lacks", "KVM_CAP_VCPU_EVENTS"));
  kvm_vcpu_events events{};
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_GET_VCPU_EVENTS, &events, "vmm.kvm.inject"));
  switch (injection.kind) {
    case Injection::Kind::kInterrupt:
      events.interrupt.injected = 1;
      events.interrupt.nr = injection.vector;
      events.interrupt.soft = 0;
      break;
    case Injection::Kind::kNmi:
      events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
      events.nmi.pending = 1;
      break;
    case Injection::Kind::kException:
      events.exception.injected = 1;
      events.exception.nr = injection.vector;
      events.exception.has_error_code = injection.has_error;
      events.exception.error_code = injection.error;
      break;
  }
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_SET_VCPU_EVENTS, &events, "vmm.kvm.inject"));
  return success();
}

Result<void> KvmVcpu::set_stepping(Stepping stepping) {
  if (!has_guest_debug_) return fail(ExitCode::kHost, text::tr("vmm.kvm.lacks", "KVM_CAP_SET_GUEST_DEBUG"));
  kvm_guest_debug debug{};
  if (stepping == Stepping::kSingleStep) debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
  BOOST_OUTCOME_TRY(kvm_call(fd_, KVM_SET_GUEST_DEBUG, &debug, "vmm.kvm.set-debug"));
  return success();
}

void KvmVcpu::interrupt() noexcept {
  kicked_.store(true);
  timer_->kick();
}

void KvmVcpu::append_counters(std::vector<NamedCounter>& counters) const {
  if (stats_) stats_->append_to(counters);
}

}  // namespace ringside::vmm
