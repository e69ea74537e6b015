// The parts of the kvm machine that need no KVM: classification of exits, register conversion, CPUID, clock, error texts.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "tests/catch.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/kvm_cpuid.h"
#include "vmm/machines/kvm/kvm_exit.h"
#include "vmm/machines/kvm/kvm_registers.h"
#include "vmm/machines/kvm/kvm_system.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

// A kvm_run with the page of port data behind it.
struct RunArea {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(8192);
  kvm_run& run() { return *reinterpret_cast<kvm_run*>(bytes.data()); }
  ExitCause classified() { return classify(run(), bytes, Registers{}); }
};

}  // namespace

TEST_CASE("a port exit points at its data in the shared area") {
  RunArea area;
  area.run().exit_reason = KVM_EXIT_IO;
  area.run().io.direction = KVM_EXIT_IO_OUT;
  area.run().io.size = 2;
  area.run().io.count = 3;
  area.run().io.port = 0x1f0;
  area.run().io.data_offset = 4096;
  area.bytes[4096] = 0xab;
  const ExitCause cause = area.classified();
  const auto& port = std::get<PortExit>(cause);
  CHECK(port.direction == Direction::kWrite);
  REQUIRE(port.data.size() == 6);
  CHECK(port.data[0] == 0xab);

  area.run().io.data_offset = 8190;  // would leave the mapping
  const ExitCause bad = area.classified();
  CHECK(std::get<PortExit>(bad).data.empty());
}

TEST_CASE("other exits keep what KVM says") {
  RunArea area;
  area.run().exit_reason = KVM_EXIT_MMIO;
  area.run().mmio.phys_addr = 0xfee00000;
  area.run().mmio.len = 4;
  area.run().mmio.is_write = 1;
  std::memcpy(area.run().mmio.data, "\x78\x56\x34\x12", 4);
  CHECK(std::get<MmioExit>(area.classified()).value == 0x12345678);
  area.run().exit_reason = KVM_EXIT_SHUTDOWN;
  CHECK(std::holds_alternative<ShutdownExit>(area.classified()));
  area.run().exit_reason = KVM_EXIT_INTERNAL_ERROR;
  area.run().internal.suberror = 1;
  area.run().internal.ndata = 16;
  CHECK(std::get<InternalErrorExit>(area.classified()).suberror == 1);
  area.run().exit_reason = KVM_EXIT_SYSTEM_EVENT;
  area.run().system_event.type = KVM_SYSTEM_EVENT_RESET;
  CHECK(std::get<SystemEventExit>(area.classified()).kind == SystemEventKind::kReset);
  area.run().exit_reason = KVM_EXIT_X86_RDMSR;
  area.run().msr.index = 0x1234;
  CHECK(std::get<MsrExit>(area.classified()).index == 0x1234);
  area.run().exit_reason = 4711;
  CHECK(std::holds_alternative<UnknownExit>(area.classified()));
}

TEST_CASE("the place of an OUT is found before or at rip") {
  PortExit out{.port = 0xe9, .size = 1, .direction = Direction::kWrite, .count = 1, .data = {}};
  const auto distance = [&](std::vector<uint8_t> before, std::vector<uint8_t> at) { return port_instruction_distance(out, before, at); };
  CHECK(distance({0x90, 0xb0, 0x41}, {0xe6, 0xe9, 0x90}) == 0);         // at it
  CHECK(distance({0x90, 0xe6, 0xe9}, {0x90, 0x90}) == 2);               // behind an immediate form
  CHECK(distance({0x90, 0x90, 0xee}, {0x90}) == 1);                     // behind the DX form
  CHECK(distance({0x90, 0xe6, 0xe9}, {0xe6, 0xe9}) == 0);               // both fit: rip is at one, so that one
  CHECK(distance({0x90, 0xe6, 0x80}, {0x90}) == 0);                     // another port: nothing claimed
  CHECK(distance({}, {}) == 0);
  CHECK(distance({0x90, 0x90, 0x90}, {0xf3, 0x6e}) == 0);               // rep outsb
  out.size = 2;
  CHECK(distance({0x90, 0x66, 0xef}, {0x90}) == 2);                     // operand-size prefix and DX form
  out.direction = Direction::kRead;
  CHECK(distance({0x90, 0x66, 0xed}, {0x90}) == 0);                     // IN is always still ahead
}

TEST_CASE("segments and registers convert both ways") {
  const hw::Segment s{.base = 0x1234, .limit = 0xfffff, .selector = 0x10, .rights = 0xa09b};
  const hw::Segment back = segment_of(kvm_segment_of(s));
  CHECK(back.base == s.base);
  CHECK(back.limit == s.limit);
  CHECK(back.rights == s.rights);
  CHECK(segment_of(kvm_segment_of({.rights = hw::access_rights::kUnusable})).rights == hw::access_rights::kUnusable);
  kvm_regs regs{};
  regs.rsp = 7, regs.r15 = 15, regs.rcx = 1;
  const Registers r = registers_of(regs, kvm_sregs{});
  CHECK(r.gpr[hw::kRsp] == 7);
  CHECK(r.gpr[hw::kR15] == 15);
  CHECK(r.gpr[hw::kRcx] == 1);
  CHECK(kvm_regs_of(r).rsp == 7);
}

TEST_CASE("CPUID gets the vCPU's own values") {
  kvm_cpuid_entry2 one{}, topology{};
  one.function = 1;
  one.ebx = 0x00ab0805;
  topology.function = 0xb;
  const auto entries = cpuid_for({one, topology}, {.id = 3, .count = 4, .tsc_deadline = true});
  CHECK(entries[0].ebx == 0x03040805);
  CHECK((entries[0].ecx >> 24 & 1) == 1);
  CHECK(entries[1].edx == 3);
  one.ecx = ~0u;
  CHECK((cpuid_for({one}, {.id = 0, .count = 1, .tsc_deadline = false})[0].ecx >> 24 & 1) == 0);
}

TEST_CASE("the host clock fires due timers once, and only those") {
  HostClock clock;
  int fired = 0, later = 0;
  const auto a = clock.add_timer([&] { ++fired; });
  const auto b = clock.add_timer([&] { ++later; });
  CHECK_FALSE(clock.next_deadline());
  clock.arm(a, Cycles(0));
  clock.arm(b, clock.now() + 3'600'000'000'000);
  CHECK(clock.next_deadline() == Cycles(0));
  clock.fire_due();
  clock.fire_due();
  CHECK(fired == 1);
  CHECK(later == 0);
  clock.disarm(b);
  CHECK_FALSE(clock.next_deadline());
}

TEST_CASE("a timer may arm itself again from its callback") {
  HostClock clock;
  int fired = 0;
  hw::Clock::Timer timer = 0;
  timer = clock.add_timer([&] {
    ++fired;
    clock.arm(timer, Cycles(0));
  });
  clock.arm(timer, Cycles(0));
  clock.fire_due();
  CHECK(fired == 1);
  CHECK(clock.next_deadline());
}

TEST_CASE("a missing or forbidden device is explained with the way out") {
  const auto missing = KvmSystem::open("/nonexistent/kvm");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ExitCode::kHost);
  CHECK(missing.error().message.find("/nonexistent/kvm") != std::string::npos);
  CHECK(missing.error().message.find("--machine model") != std::string::npos);
  const auto no_kvm = KvmSystem::open("/dev/null");  // opens, but is no KVM
  REQUIRE_FALSE(no_kvm);
  CHECK(no_kvm.error().message.find("ask KVM") != std::string::npos);
  for (const int error : {EACCES, ENOENT, ENODEV, ENOMEM, EBUSY, EINVAL, ENOSYS, EFAULT, EIO, EMFILE, EPIPE}) {
    const Error e = kvm_failure("vmm.kvm.create-vm", error);
    CHECK(e.message.find("vmm.") == std::string::npos);  // every text is in the catalogue
    CHECK(e.message.find("create a virtual machine") != std::string::npos);
  }
}
