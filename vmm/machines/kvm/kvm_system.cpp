// Opening /dev/kvm and asking what it can do [Linux Documentation/virt/kvm/api.rst].
#include "vmm/machines/kvm/kvm_system.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "traces/base/text.h"
#include "vmm/machines/kvm/kvm_abi.h"

namespace ringside::vmm {

Result<KvmSystem> KvmSystem::open(const char* path) {
  KvmSystem system;
  system.fd_ = Fd(::open(path, O_RDWR | O_CLOEXEC));
  if (!system.fd_.valid()) {
    const int error = errno;
    return fail(ExitCode::kHost, text::tr("vmm.kvm.no-device", path, errno_in_words(error), way_out(error)));
  }
  BOOST_OUTCOME_TRY(version, kvm_call(system.fd_, KVM_GET_API_VERSION, 0ul, "vmm.kvm.get-version"));
  if (version != KVM_API_VERSION)
    return fail(ExitCode::kHost, text::tr("vmm.kvm.wrong-version", version, KVM_API_VERSION));

  const auto check = [&](unsigned long capability) {
    const int value = ::ioctl(system.fd_.get(), KVM_CHECK_EXTENSION, capability);
    return value < 0 ? 0 : value;
  };
  constexpr int kBothRegisterSets = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  KvmCapabilities& c = system.capabilities_;
  c.immediate_exit = check(KVM_CAP_IMMEDIATE_EXIT);
  c.irqchip = check(KVM_CAP_IRQCHIP);
  c.pit = check(KVM_CAP_PIT2);
  c.sync_regs = (check(KVM_CAP_SYNC_REGS) & kBothRegisterSets) == kBothRegisterSets;
  c.guest_debug = check(KVM_CAP_SET_GUEST_DEBUG);
  c.user_space_msr = check(KVM_CAP_X86_USER_SPACE_MSR);
  c.stats_fd = check(KVM_CAP_BINARY_STATS_FD);
  c.tsc_deadline = check(KVM_CAP_TSC_DEADLINE_TIMER);
  c.vcpu_events = check(KVM_CAP_VCPU_EVENTS);
  c.mp_state = check(KVM_CAP_MP_STATE);
  if (const int max = check(KVM_CAP_MAX_VCPUS); max > 0) c.max_vcpus = static_cast<unsigned>(max);
  if (!check(KVM_CAP_USER_MEMORY)) return fail(ExitCode::kHost, text::tr("vmm.kvm.lacks", "KVM_CAP_USER_MEMORY"));
  if (!c.immediate_exit) return fail(ExitCode::kHost, text::tr("vmm.kvm.lacks", "KVM_CAP_IMMEDIATE_EXIT"));

  BOOST_OUTCOME_TRY(bytes, kvm_call(system.fd_, KVM_GET_VCPU_MMAP_SIZE, 0ul, "vmm.kvm.get-run-size"));
  system.run_area_bytes_ = static_cast<size_t>(bytes);
  return system;
}

Result<std::vector<kvm_cpuid_entry2>> KvmSystem::supported_cpuid() const {
  // The kernel answers E2BIG until there is room; 512 entries is far beyond any processor.
  for (unsigned room = 64; room <= 512; room *= 2) {
    KvmCpuidList list(room);
    if (::ioctl(fd_.get(), kKvmGetSupportedCpuid, list.data()) == 0) return list.entries();
    if (errno != E2BIG) return kvm_failure("vmm.kvm.get-cpuid", errno);
  }
  return kvm_failure("vmm.kvm.get-cpuid", E2BIG);
}

}  // namespace ringside::vmm
