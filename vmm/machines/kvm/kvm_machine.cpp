// Building a KVM virtual machine [Linux Documentation/virt/kvm/api.rst].
#include "vmm/machines/kvm/kvm_machine.h"

#include <sys/ioctl.h>

#include "traces/base/text.h"
#include "vmm/boot/layout.h"

namespace ringside::vmm {

using text::tr;

Result<std::unique_ptr<KvmMachine>> KvmMachine::create(const KvmOptions& options) {
  BOOST_OUTCOME_TRY(system, KvmSystem::open(options.device.c_str()));
  BOOST_OUTCOME_TRY(memory, hw::PhysicalMemory::create(options.memory_bytes));
  std::unique_ptr<KvmMachine> machine(new KvmMachine(std::move(system), std::move(memory)));
  BOOST_OUTCOME_TRY(machine->create_vm(options));
  machine->describe_capabilities();
  return machine;
}

Result<void> KvmMachine::create_vm(const KvmOptions& options) {
  const KvmCapabilities& can = system_.capabilities();
  if (options.vcpus == 0 || options.vcpus > can.max_vcpus)
    return fail(ExitCode::kUsage, tr("vmm.kvm.vcpu-count", options.vcpus, can.max_vcpus));
  BOOST_OUTCOME_TRY(vm, kvm_call(system_.fd(), KVM_CREATE_VM, 0ul, "vmm.kvm.create-vm"));
  vm_ = Fd(vm);
  // Intel CPUs without unrestricted-guest mode run real mode in virtual-8086 mode and need these pages; others ignore them.
  uint64_t identity_map = layout::kKvmIdentityMap.value;
  BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "vmm.kvm.set-tss"));
  BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_SET_TSS_ADDR, static_cast<unsigned long>(layout::kKvmTss.value), "vmm.kvm.set-tss"));
  controllers_ = options.controllers;
  if (controllers_ == InterruptControllers::kInKernel) {
    BOOST_OUTCOME_TRY(create_controllers());
  }
  BOOST_OUTCOME_TRY(map_memory());
  if (can.user_space_msr) {
    // Accesses to MSRs KVM does not know become exits, so that the trace shows them; they still fault.
    kvm_enable_cap cap{};
    cap.cap = KVM_CAP_X86_USER_SPACE_MSR;
    cap.args[0] = KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL;
    BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_ENABLE_CAP, &cap, "vmm.kvm.enable-msr"));
  }
  for (unsigned id = 0; id < options.vcpus; ++id) {
    BOOST_OUTCOME_TRY(vcpu, KvmVcpu::create(system_, vm_, id, options.vcpus, memory_, clock_));
    vcpus_.push_back(std::move(vcpu));
  }
  if (can.stats_fd)
    if (auto stats = KvmStats::open(vm_, "kvm.vm.")) stats_ = std::move(stats.value());
  return success();
}

Result<void> KvmMachine::create_controllers() {
  if (!system_.capabilities().irqchip) return fail(ExitCode::kHost, tr("vmm.kvm.lacks", "KVM_CAP_IRQCHIP"));
  if (!system_.capabilities().pit) return fail(ExitCode::kHost, tr("vmm.kvm.lacks", "KVM_CAP_PIT2"));
  BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_CREATE_IRQCHIP, 0ul, "vmm.kvm.create-irqchip"));
  // The dummy speaker answers port 0x61, which kernels use to calibrate the TSC.
  kvm_pit_config pit{};
  pit.flags = KVM_PIT_SPEAKER_DUMMY;
  BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_CREATE_PIT2, &pit, "vmm.kvm.create-pit"));
  return success();
}

Result<void> KvmMachine::map_memory() {
  const auto map = [&](uint32_t slot, uint64_t guest, uint64_t bytes, uint8_t* host) -> Result<void> {
    if (bytes == 0) return success();
    kvm_userspace_memory_region region{};
    region.slot = slot;
    region.guest_phys_addr = guest;
    region.memory_size = bytes;
    region.userspace_addr = reinterpret_cast<uint64_t>(host);
    BOOST_OUTCOME_TRY(kvm_call(vm_, KVM_SET_USER_MEMORY_REGION, &region, "vmm.kvm.set-memory"));
    return success();
  };
  BOOST_OUTCOME_TRY(map(0, 0, memory_.low_size(), memory_.base()));
  return map(1, hw::PhysicalMemory::kHoleEnd, memory_.high_size(), memory_.base() + memory_.low_size());
}

void KvmMachine::describe_capabilities() {
  const KvmCapabilities& can = system_.capabilities();
  capabilities_ = {.deterministic = false,
                   .counts_instructions = false,
                   .single_step = can.guest_debug,
                   .sees_inside = false,
                   .time_unit = TimeUnit::kHostNanoseconds,
                   .notes = {}};
  if (!can.sync_regs) capabilities_.notes.push_back(tr("vmm.kvm.note.no-sync-regs"));
  if (!can.stats_fd) capabilities_.notes.push_back(tr("vmm.kvm.note.no-stats"));
  if (!can.user_space_msr) capabilities_.notes.push_back(tr("vmm.kvm.note.no-msr-exits"));
}

hw::IrqLine KvmMachine::irq_line(unsigned line) {
  if (controllers_ == InterruptControllers::kNone) return [](bool) {};
  return [fd = vm_.get(), line](bool level) {
    kvm_irq_level irq{};
    irq.irq = line;
    irq.level = level;
    // Cannot fail for a line that exists; a device has no use for an error either way.
    (void)::ioctl(fd, KVM_IRQ_LINE, &irq);
  };
}

std::vector<NamedCounter> KvmMachine::counters() {
  std::vector<NamedCounter> result;
  if (stats_) stats_->append_to(result);
  for (const auto& vcpu : vcpus_) vcpu->append_counters(result);
  return result;
}

}  // namespace ringside::vmm
