// Building and running the bare virtual machine [Linux Documentation/virt/kvm/api.rst].
#include "vmm/machines/kvm/ring/ring_vcpu.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "traces/base/text.h"
#include "vmm/boot/layout.h"
#include "vmm/machines/kvm/kvm_abi.h"
#include "vmm/machines/kvm/ring/ring_cpuid.h"

namespace ringside::vmm {

using text::tr;

namespace {
enum Slot : uint32_t { kLowSlot, kHighSlot, kMonitorSlot, kEditSlot };
}  // namespace

Result<std::unique_ptr<RingVcpu>> RingVcpu::create(hw::PhysicalMemory& memory, const EditSpace& edits, const hw::Cpu& model,
                                                   const std::string& device) {
  auto system = BOOST_OUTCOME_TRYX(KvmSystem::open(device.c_str()));
  std::unique_ptr<RingVcpu> vcpu(new RingVcpu(memory, edits));
  BOOST_OUTCOME_TRYV(vcpu->create_vm(system));
  BOOST_OUTCOME_TRYV(vcpu->create_vcpu(system, model));
  return vcpu;
}

RingVcpu::~RingVcpu() {
  timer_.reset();  // before the mapping its signal writes to goes away
  if (run_) ::munmap(run_, run_bytes_);
}

Result<void> RingVcpu::create_vm(const KvmSystem& system) {
  const auto host = BOOST_OUTCOME_TRYX(system.supported_cpuid());
  const unsigned needed = static_cast<unsigned>(std::bit_width(edits_.start() + edits_.bytes() - 1));
  if (const unsigned bits = physical_address_bits(host); bits < needed) return fail(ExitCode::kHost, tr("vmm.ring.narrow-host", bits, needed));
  vm_ = Fd(BOOST_OUTCOME_TRYX(kvm_call(system.fd(), KVM_CREATE_VM, 0ul, "vmm.kvm.create-vm")));
  // Never used, but Intel's processors want to be told before anything runs (kvm_machine.cpp).
  uint64_t identity_map = layout::kKvmIdentityMap.value;
  BOOST_OUTCOME_TRYV(kvm_call(vm_, KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "vmm.kvm.set-tss"));
  BOOST_OUTCOME_TRYV(kvm_call(vm_, KVM_SET_TSS_ADDR, static_cast<unsigned long>(layout::kKvmTss.value), "vmm.kvm.set-tss"));
  BOOST_OUTCOME_TRYV(map(kLowSlot, 0, memory_.low_size(), memory_.base()));
  BOOST_OUTCOME_TRYV(map(kHighSlot, hw::PhysicalMemory::kHoleEnd, memory_.high_size(), memory_.base() + memory_.low_size()));
  BOOST_OUTCOME_TRYV(map(kMonitorSlot, hw::PhysicalMemory::kMonitorStart, memory_.monitor_size(), memory_.base() + memory_.size()));
  return map(kEditSlot, edits_.start(), edits_.bytes(), edits_.host());
}

Result<void> RingVcpu::map(uint32_t slot, uint64_t address, uint64_t bytes, uint8_t* host) {
  kvm_userspace_memory_region region{};
  region.slot = slot;
  region.guest_phys_addr = address;
  region.memory_size = bytes;
  region.userspace_addr = reinterpret_cast<uint64_t>(host);
  if (bytes == 0) return success();
  BOOST_OUTCOME_TRYV(kvm_call(vm_, KVM_SET_USER_MEMORY_REGION, &region, "vmm.kvm.set-memory"));
  return success();
}

Result<void> RingVcpu::create_vcpu(const KvmSystem& system, const hw::Cpu& model) {
  fd_ = Fd(BOOST_OUTCOME_TRYX(kvm_call(vm_, KVM_CREATE_VCPU, 0ul, "vmm.kvm.create-vcpu")));
  run_bytes_ = system.run_area_bytes();
  if (run_bytes_ < sizeof(kvm_run)) return kvm_failure("vmm.kvm.map-run", EINVAL);
  void* area = ::mmap(nullptr, run_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (area == MAP_FAILED) return kvm_failure("vmm.kvm.map-run", errno);
  run_ = static_cast<kvm_run*>(area);
  timer_.emplace(run_);
  sync_regs_ = system.capabilities().sync_regs;
  has_events_ = system.capabilities().vcpu_events;
  if (sync_regs_) run_->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  KvmCpuidList cpuid(ring_cpuid(model, BOOST_OUTCOME_TRYX(system.supported_cpuid())));
  BOOST_OUTCOME_TRYV(kvm_call(fd_, kKvmSetCpuid2, cpuid.data(), "vmm.kvm.set-cpuid"));
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_GET_REGS, &regs_, "vmm.kvm.get-registers"));
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_GET_SREGS, &sregs_, "vmm.kvm.get-registers"));
  if (system.capabilities().stats_fd)
    if (auto stats = KvmStats::open(fd_, "kvm.ring.")) stats_ = std::move(stats.value());
  return success();
}

Result<void> RingVcpu::forget_edit_space() {
  // Taking a slot away makes KVM drop every translation through it, and those of tables within.
  kvm_userspace_memory_region none{};
  none.slot = kEditSlot;
  none.guest_phys_addr = edits_.start();
  none.userspace_addr = reinterpret_cast<uint64_t>(edits_.host());
  BOOST_OUTCOME_TRYV(kvm_call(vm_, KVM_SET_USER_MEMORY_REGION, &none, "vmm.kvm.set-memory"));
  return map(kEditSlot, edits_.start(), edits_.bytes(), edits_.host());
}

// --- running --------------------------------------------------------------------------------------------------------------

void RingVcpu::set_regs(const kvm_regs& regs) {
  regs_ = regs;
  regs_changed_ = true;
}

void RingVcpu::set_sregs(const kvm_sregs& sregs) {
  sregs_ = sregs;
  sregs_changed_ = true;
}

// A bad value makes the combined call of KVM_RUN fail without saying which; the single ones say.
Result<void> RingVcpu::hand_over() {
  if (sregs_changed_) {
    BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_SET_SREGS, &sregs_, "vmm.kvm.set-registers"));
  }
  if (regs_changed_ && sync_regs_) {
    run_->s.regs.regs = regs_;
    run_->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  } else if (regs_changed_) {
    BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_SET_REGS, &regs_, "vmm.kvm.set-registers"));
  }
  regs_changed_ = sregs_changed_ = false;
  return success();
}

Result<void> RingVcpu::take_back() {
  if (sync_regs_) {
    regs_ = run_->s.regs.regs;
    sregs_ = run_->s.regs.sregs;
    return success();
  }
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_GET_REGS, &regs_, "vmm.kvm.get-registers"));
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_GET_SREGS, &sregs_, "vmm.kvm.get-registers"));
  return success();
}

Result<bool> RingVcpu::run(SteadyClock::time_point look) {
  BOOST_OUTCOME_TRYV(timer_->prepare());
  // Cleared before the caller's reasons are looked at once more: a signal from here on sets it again, and KVM_RUN returns at once.
  const_cast<volatile kvm_run*>(run_)->immediate_exit = 0;
  if (kicked_.load()) const_cast<volatile kvm_run*>(run_)->immediate_exit = 1;
  timer_->arm_by(look);
  BOOST_OUTCOME_TRYV(hand_over());
  const int result = ::ioctl(fd_.get(), KVM_RUN, 0);
  const int error = result < 0 ? errno : 0;
  if (error && error != EINTR && error != EAGAIN) return kvm_failure("vmm.kvm.run", error);
  BOOST_OUTCOME_TRYV(take_back());
  return error == 0 && run_->exit_reason != KVM_EXIT_INTR;
}

bool RingVcpu::event_pending() const {
  kvm_vcpu_events events{};
  if (!has_events_ || ::ioctl(fd_.get(), KVM_GET_VCPU_EVENTS, &events) != 0) return false;
  return events.exception.injected || events.exception.pending || events.nmi.injected || events.interrupt.injected;
}

void RingVcpu::kick() noexcept {
  kicked_.store(true);
  timer_->kick();
}

// --- state that rarely moves ------------------------------------------------------------------------------------------------

Result<void> RingVcpu::set_msrs(std::span<const Msr> list) {
  for (const Msr& msr : list) {
    KvmOneMsr one;
    one.entry.index = msr.index;
    one.entry.data = msr.value;
    const int done = BOOST_OUTCOME_TRYX(kvm_call(fd_, kKvmSetMsrs, &one, "vmm.ring.set-msr"));
    if (done != 1) return fail(ExitCode::kHost, tr("vmm.ring.msr-refused", msr.index, msr.value));
  }
  return success();
}

Result<uint64_t> RingVcpu::dr6() {
  kvm_debugregs debug{};
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_GET_DEBUGREGS, &debug, "vmm.ring.debug-registers"));
  return debug.dr6;
}

Result<void> RingVcpu::set_debug(const kvm_debugregs& debug) {
  kvm_debugregs copy = debug;
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_SET_DEBUGREGS, &copy, "vmm.ring.debug-registers"));
  return success();
}

Result<void> RingVcpu::set_xcr0(uint64_t value) {
  kvm_xcrs xcrs{};
  xcrs.nr_xcrs = 1;
  xcrs.xcrs[0].value = value;
  BOOST_OUTCOME_TRYV(kvm_call(fd_, KVM_SET_XCRS, &xcrs, "vmm.ring.set-xcr0"));
  return success();
}

Result<FxsaveImage> RingVcpu::fpu() {
  KvmXsave area{};
  BOOST_OUTCOME_TRYV(kvm_call(fd_, kKvmGetXsave, &area, "vmm.ring.fpu"));
  FxsaveImage image;
  std::memcpy(&image, area.region, sizeof image);
  return image;
}

Result<void> RingVcpu::set_fpu(const FxsaveImage& image) {
  KvmXsave area{};
  BOOST_OUTCOME_TRYV(kvm_call(fd_, kKvmGetXsave, &area, "vmm.ring.fpu"));
  // The host knows which bits of MXCSR exist: its mask stays.
  FxsaveImage whole = image;
  std::memcpy(&whole.mxcsr_mask, area.region + offsetof(FxsaveImage, mxcsr_mask) / 4, sizeof whole.mxcsr_mask);
  std::memcpy(area.region, &whole, sizeof whole);
  constexpr unsigned kXstateBv = 512 / 4;  // behind the FXSAVE area [SDM 1 13.4.2 "XSAVE Header"]
  constexpr uint32_t kX87AndSse = 3;
  area.region[kXstateBv] |= kX87AndSse;
  BOOST_OUTCOME_TRYV(kvm_call(fd_, kKvmSetXsave, &area, "vmm.ring.fpu"));
  return success();
}

void RingVcpu::append_counters(std::vector<NamedCounter>& counters) const {
  if (stats_) stats_->append_to(counters);
}

}  // namespace ringside::vmm
