#include "sim/calibrate_exits.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "traces/base/text.h"
#include "traces/base/types.h"
#include "vmm/machines/kvm/kvm_system.h"

namespace ringside::sim {
namespace {

using vmm::kvm_call;
using Clock = std::chrono::steady_clock;

constexpr unsigned kCpuidTimes = 256, kSamples = 51, kOutsPerSample = 64;
constexpr auto kBound = std::chrono::milliseconds(500);  // for each kind: exits under nested virtualization are slow

// 16-bit code, loaded at 0. A round is: OUT (here rounds begin and end), then CPUID `di` times.
//   0: out 0x10, al   2: mov si, di   4: test si, si   6: jz 0   8: xor eax, eax   b: cpuid   d: dec si   e: jmp 4
constexpr uint8_t kGuest[] = {0xe6, 0x10, 0x89, 0xfe, 0x85, 0xf6, 0x74, 0xf8, 0x66, 0x31, 0xc0, 0x0f, 0xa2, 0x4e, 0xeb, 0xf4};

struct Unmap {
  size_t bytes;
  void operator()(void* memory) const { munmap(memory, bytes); }
};
using Mapping = std::unique_ptr<void, Unmap>;

Result<Mapping> map(size_t bytes, int flags, int fd) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) return fail(ExitCode::kHost, text::tr("sim.calibrate.no_memory", (bytes >> 20) + 1));
  return Mapping(memory, Unmap{bytes});
}

class TinyGuest {
 public:
  static Result<TinyGuest> create(const std::string& device) {
    TinyGuest g;
    g.system_ = BOOST_OUTCOME_TRYX(vmm::KvmSystem::open(device.c_str()));
    g.vm_ = vmm::Fd(BOOST_OUTCOME_TRYX(kvm_call(g.system_.fd(), KVM_CREATE_VM, 0ul, "vmm.kvm.create-vm")));
    g.memory_ = BOOST_OUTCOME_TRYX(map(kPageSize, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    std::memcpy(g.memory_.get(), kGuest, sizeof kGuest);
    kvm_userspace_memory_region region{};
    region.memory_size = kPageSize;
    region.userspace_addr = reinterpret_cast<uint64_t>(g.memory_.get());
    BOOST_OUTCOME_TRYV(kvm_call(g.vm_, KVM_SET_USER_MEMORY_REGION, &region, "vmm.kvm.set-memory"));
    g.vcpu_ = vmm::Fd(BOOST_OUTCOME_TRYX(kvm_call(g.vm_, KVM_CREATE_VCPU, 0ul, "vmm.kvm.create-vcpu")));
    g.run_area_ = BOOST_OUTCOME_TRYX(map(g.system_.run_area_bytes(), MAP_SHARED, g.vcpu_.get()));
    kvm_sregs sregs{};
    BOOST_OUTCOME_TRYV(kvm_call(g.vcpu_, KVM_GET_SREGS, &sregs, "sim.calibrate.registers"));
    sregs.cs.base = sregs.cs.selector = 0;
    BOOST_OUTCOME_TRYV(kvm_call(g.vcpu_, KVM_SET_SREGS, &sregs, "sim.calibrate.registers"));
    BOOST_OUTCOME_TRYV(g.set_cpuids(0));
    return g;
  }

  // CPUIDs a round from the next OUT on. The guest stands at an OUT.
  Result<void> set_cpuids(unsigned times) {
    kvm_regs regs{};
    BOOST_OUTCOME_TRYV(kvm_call(vcpu_, KVM_GET_REGS, &regs, "sim.calibrate.registers"));
    if (!started_) regs = kvm_regs{};
    started_ = true;
    regs.rdi = times;
    regs.rflags = 2;
    BOOST_OUTCOME_TRYV(kvm_call(vcpu_, KVM_SET_REGS, &regs, "sim.calibrate.registers"));
    return success();
  }

  // To the next OUT.
  Result<void> round() {
    const int status = ioctl(vcpu_.get(), KVM_RUN, 0);
    const auto* run = static_cast<const kvm_run*>(run_area_.get());
    if (status != 0 || run->exit_reason != KVM_EXIT_IO)
      return fail(ExitCode::kHost, text::tr("sim.calibrate.guest_ended", run->exit_reason));
    return success();
  }

 private:
  vmm::KvmSystem system_;
  vmm::Fd vm_, vcpu_;
  Mapping memory_{nullptr, Unmap{0}}, run_area_{nullptr, Unmap{0}};
  bool started_ = false;
};

// Ticks of one round: samples of `rounds` each, fewer samples if time runs out, at least one.
Result<std::vector<double>> time_rounds(TinyGuest& guest, unsigned rounds) {
  BOOST_OUTCOME_TRYV(guest.round());  // warm
  std::vector<double> samples;
  const auto start = Clock::now();
  do {
    const uint64_t first = __rdtsc();
    for (unsigned i = 0; i < rounds; ++i) {
      BOOST_OUTCOME_TRYV(guest.round());
    }
    samples.push_back(static_cast<double>(__rdtsc() - first) / rounds);
  } while (samples.size() < kSamples && Clock::now() - start < kBound);
  return samples;
}

}  // namespace

Result<std::vector<Measurement>> measure_exits(const std::string& kvm_device) {
  auto guest = BOOST_OUTCOME_TRYX(TinyGuest::create(kvm_device));
  const Measurement user = summarise("exit_user", BOOST_OUTCOME_TRYX(time_rounds(guest, kOutsPerSample)));
  BOOST_OUTCOME_TRYV(guest.set_cpuids(kCpuidTimes));
  BOOST_OUTCOME_TRYV(guest.round());
  auto samples = BOOST_OUTCOME_TRYX(time_rounds(guest, 1));
  for (double& ticks : samples) ticks = std::max(0.0, (ticks - user.median) / kCpuidTimes);
  return std::vector<Measurement>{summarise("exit_kernel", std::move(samples)), user};
}

}  // namespace ringside::sim
