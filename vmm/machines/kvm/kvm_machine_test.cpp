// Tiny guests on the real CPU: port and memory-mapped I/O, HLT, triple fault, endless loops, in real, protected and long mode.
// Skipped with a printed reason where /dev/kvm cannot be used. Every run is bounded by wall time.
#include "vmm/machines/kvm/kvm_machine.h"

#include <algorithm>
#include <thread>

#include "tests/catch.h"
#include "vmm/boot/start_mode.h"
#include "vmm/core/run_loop.h"
#include "vmm/testing/kvm_or_skip.h"
#include "vmm/testing/scripted_machine.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace std::chrono_literals;
using ringside::vmm::testing::kvm_or_skip;
using ringside::vmm::testing::ProbeDevice;

namespace {

constexpr GuestPhysical kEntry{0x8000};

// Keeps the exits it is told of.
class ExitRecorder final : public Recorder {
 public:
  std::vector<Exit> exits;
  std::vector<NamedCounter> counters;
  void on_exit(const Exit& exit) override { exits.push_back(exit); }
  void on_counters(Cycles, std::span<const NamedCounter> values) override { counters.assign(values.begin(), values.end()); }
};

struct Guest {
  std::unique_ptr<KvmMachine> machine;
  ProbeDevice ports, mmio;
  DeviceRequests requests;
  ExitRecorder recorder;
  explicit operator bool() const { return machine != nullptr; }

  Guest(StartMode mode, std::vector<uint8_t> code, InterruptControllers controllers = InterruptControllers::kInKernel)
      : machine(kvm_or_skip({.memory_bytes = 2 << 20, .vcpus = 1, .controllers = controllers})) {
    if (!machine) return;
    REQUIRE(machine->bus().claim_ports(0x80, 0x80, ports));
    REQUIRE(machine->bus().claim_mmio(GuestPhysical(0xd0000000), 0x1000, mmio));
    std::copy(code.begin(), code.end(), machine->memory().host(kEntry));
    Registers r = mode == StartMode::kReal        ? real_mode_registers(kEntry)
                  : mode == StartMode::kProtected ? protected_mode_registers(machine->memory(), kEntry).value()
                                                  : long_mode_registers(machine->memory(), kEntry).value();
    REQUIRE(machine->vcpu(0).set_registers(r));
  }
  RunOutcome run(std::chrono::milliseconds timeout = 5s) {
    RunOptions options;
    options.limits.wall_time = timeout;
    auto outcome = vmm::run(*machine, requests, recorder, options);
    REQUIRE(outcome);
    return std::move(outcome.value());
  }
};

// The next exit that is none of the machine's own looks.
Exit next_exit(Vcpu& vcpu) {
  RunBounds bounds;
  bounds.wall_deadline = std::chrono::steady_clock::now() + 5s;
  for (;;) {
    auto exit = vcpu.run(bounds);
    REQUIRE(exit);
    const auto* interrupted = std::get_if<InterruptedExit>(&exit.value().cause);
    if (!interrupted || interrupted->by != InterruptedBy::kSlice) return exit.value();
  }
}

}  // namespace

TEST_CASE("kvm: OUT and IN reach the bus from every start mode") {
  const StartMode mode = GENERATE(StartMode::kReal, StartMode::kProtected, StartMode::kLong);
  // mov al, 0x41; out 0xe9, al; in al, 0xea; out 0xe9, al; cli; hlt
  Guest guest(mode, {0xb0, 0x41, 0xe6, 0xe9, 0xe4, 0xea, 0xe6, 0xe9, 0xfa, 0xf4});
  if (!guest) return;
  guest.ports.next_value = 0x5a;
  const RunOutcome outcome = guest.run();
  CHECK(outcome.end == RunEnd::kHaltedForever);
  REQUIRE(guest.ports.writes.size() == 2);
  CHECK(guest.ports.writes[0].offset == 0x69);
  CHECK(guest.ports.writes[0].value == 0x41);
  CHECK(guest.ports.writes[1].value == 0x5a);

  REQUIRE(guest.recorder.exits.size() == 4);
  const ExitInfo& first = guest.recorder.exits[0].info;
  CHECK(first.guest_rip == kEntry.value + 2);
  CHECK(first.cpl == 0);
  REQUIRE(first.instruction_length == 15);
  CHECK(first.instruction[0] == 0xe6);
  CHECK(guest.recorder.exits[1].info.instruction[0] == 0xe4);
  CHECK(outcome.totals.exits == outcome.totals.entries);
}

TEST_CASE("kvm: HLT without interrupt controllers is an exit of its own") {
  Guest guest(StartMode::kReal, {0xf4}, InterruptControllers::kNone);
  if (!guest) return;
  CHECK(guest.run().end == RunEnd::kHaltedForever);
}

TEST_CASE("kvm: memory-mapped loads and stores reach the bus") {
  // mov dword [0xd0000010], 0x12345678; mov eax, [0xd0000014]; out 0x80, eax; cli; hlt
  Guest guest(StartMode::kProtected, {0xc7, 0x05, 0x10, 0, 0, 0xd0, 0x78, 0x56, 0x34, 0x12, 0xa1, 0x14, 0, 0, 0xd0, 0xe7, 0x80, 0xfa, 0xf4});
  if (!guest) return;
  guest.mmio.next_value = 0xcafe;
  CHECK(guest.run().end == RunEnd::kHaltedForever);
  REQUIRE(guest.mmio.writes.size() == 1);
  CHECK(guest.mmio.writes[0].offset == 0x10);
  CHECK(guest.mmio.writes[0].value == 0x12345678);
  REQUIRE(guest.ports.writes.size() == 1);
  CHECK(guest.ports.writes[0].value == 0xcafe);
  CHECK(guest.ports.writes[0].size == 4);
}

TEST_CASE("kvm: string output arrives whole") {
  // mov esi, 0x8010; mov ecx, 4; mov dx, 0xe9; cld; rep outsb; cli; hlt; "Ring"
  std::vector<uint8_t> code = {0xbe, 0x16, 0x80, 0, 0, 0xb9, 4, 0, 0, 0, 0x66, 0xba, 0xe9, 0, 0xfc, 0xf3, 0x6e, 0xfa, 0xf4, 0, 0, 0, 'R', 'i', 'n', 'g'};
  Guest guest(StartMode::kProtected, code);
  if (!guest) return;
  CHECK(guest.run().end == RunEnd::kHaltedForever);
  std::string text;
  for (const auto& write : guest.ports.writes) text += static_cast<char>(write.value);
  CHECK(text == "Ring");
}

TEST_CASE("kvm: an endless loop is ended by the wall-time bound") {
  Guest guest(GENERATE(StartMode::kReal, StartMode::kLong), {0xeb, 0xfe});
  if (!guest) return;
  const RunOutcome outcome = guest.run(200ms);
  CHECK(outcome.end == RunEnd::kTimeout);
  CHECK(outcome.totals.wall_time < 5s);
  REQUIRE(outcome.post_mortem);
  CHECK(outcome.post_mortem->registers.rip == kEntry.value);
  REQUIRE_FALSE(outcome.post_mortem->code.empty());
  CHECK(outcome.post_mortem->code[0].text.starts_with("jmp"));
}

TEST_CASE("kvm: HLT with interrupts on and nothing to wake it is ended by the bound") {
  Guest guest(StartMode::kLong, {0xfb, 0xf4, 0xeb, 0xfd});
  if (!guest) return;
  CHECK(guest.run(200ms).end == RunEnd::kTimeout);
}

TEST_CASE("kvm: a triple fault ends the run with a report") {
  Guest guest(GENERATE(StartMode::kProtected, StartMode::kLong), {0xb8, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x0b});  // mov eax, ..; ud2
  if (!guest) return;
  const RunOutcome outcome = guest.run();
  CHECK(outcome.end == RunEnd::kTripleFault);
  REQUIRE(outcome.post_mortem);
  CHECK((outcome.post_mortem->registers_lost || (outcome.post_mortem->registers.gpr[hw::kRax] & 0xffffffff) == 0x12345678));
  CHECK_FALSE(post_mortem_text(outcome).empty());
}

TEST_CASE("kvm: another thread and the stop flag end a run") {
  Guest guest(StartMode::kProtected, {0xeb, 0xfe});
  if (!guest) return;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    std::this_thread::sleep_for(50ms);
    stop = true;
    guest.machine->vcpu(0).interrupt();
  });
  RunOptions options;
  options.limits.stop = &stop;
  options.limits.wall_time = 10s;
  const auto outcome = run(*guest.machine, guest.requests, guest.recorder, options);
  other.join();
  REQUIRE(outcome);
  CHECK(outcome.value().end == RunEnd::kInterrupted);
  CHECK(outcome.value().totals.wall_time < 5s);
}

TEST_CASE("kvm: the stop flag alone is enough") {
  Guest guest(StartMode::kProtected, {0xeb, 0xfe});
  if (!guest) return;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    std::this_thread::sleep_for(50ms);
    stop = true;
  });
  RunOptions options;
  options.limits.stop = &stop;
  options.limits.wall_time = 10s;
  const auto outcome = run(*guest.machine, guest.requests, guest.recorder, options);
  other.join();
  REQUIRE(outcome);
  CHECK(outcome.value().end == RunEnd::kInterrupted);
}

TEST_CASE("kvm: a kick before the entry is not lost") {
  Guest guest(StartMode::kProtected, {0xeb, 0xfe});
  if (!guest) return;
  Vcpu& vcpu = guest.machine->vcpu(0);
  vcpu.interrupt();
  const Exit exit = next_exit(vcpu);
  const auto* interrupted = std::get_if<InterruptedExit>(&exit.cause);
  REQUIRE(interrupted);
  CHECK(interrupted->by == InterruptedBy::kKick);
}

TEST_CASE("kvm: single steps stop after each instruction") {
  Guest guest(StartMode::kLong, {0x90, 0x90, 0x90, 0xeb, 0xfe});
  if (!guest) return;
  Vcpu& vcpu = guest.machine->vcpu(0);
  REQUIRE(vcpu.set_stepping(Stepping::kSingleStep));
  for (uint64_t step = 1; step <= 3; ++step) {
    const Exit exit = next_exit(vcpu);
    CHECK(std::holds_alternative<DebugExit>(exit.cause));
    CHECK(exit.info.guest_rip == kEntry.value + step);
  }
}

TEST_CASE("kvm: an injected interrupt enters its real-mode handler") {
  Guest guest(StartMode::kReal, {0xfb, 0xeb, 0xfe});  // sti; jmp $
  if (!guest) return;
  // IVT entry 0x40 -> 0000:9000: mov al, 7; out 0x80, al; cli; hlt
  guest.machine->memory().write(GuestPhysical(0x40 * 4), uint32_t{0x9000});
  const uint8_t handler[] = {0xb0, 7, 0xe6, 0x80, 0xfa, 0xf4};
  std::copy(std::begin(handler), std::end(handler), guest.machine->memory().host(GuestPhysical(0x9000)));
  REQUIRE(guest.run(50ms).end == RunEnd::kTimeout);
  REQUIRE(guest.machine->vcpu(0).inject({.kind = Injection::Kind::kInterrupt, .vector = 0x40}));
  CHECK(guest.run().end == RunEnd::kHaltedForever);
  REQUIRE(guest.ports.writes.size() == 1);
  CHECK(guest.ports.writes[0].value == 7);
}

TEST_CASE("kvm: a device line reaches the guest through the interrupt controller") {
  // Programs the PIC (vectors 0x20.., only IRQ 4 open), STI, HLT; the handler reports and halts for good.
  const std::vector<uint8_t> code = {
      0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,  // ICW1..ICW4
      0xb0, 0xef, 0xe6, 0x21,                                                                          // mask all but 4
      0xe6, 0x80, 0xfb, 0xf4, 0xeb, 0xfd};                                                             // out 0x80; sti; hlt; jmp
  Guest guest(StartMode::kReal, code);
  if (!guest) return;
  guest.machine->memory().write(GuestPhysical(0x24 * 4), uint32_t{0x9000});
  const uint8_t handler[] = {0xb0, 9, 0xe6, 0x81, 0xfa, 0xf4};
  std::copy(std::begin(handler), std::end(handler), guest.machine->memory().host(GuestPhysical(0x9000)));
  const hw::IrqLine line = guest.machine->irq_line(4);
  // The device raises its line 10 ms later, from a timer of the machine's clock.
  hw::Clock& clock = guest.machine->clock();
  const auto timer = clock.add_timer([&] { line(true); });
  clock.arm(timer, clock.now() + 10'000'000);
  CHECK(guest.run().end == RunEnd::kHaltedForever);
  REQUIRE(guest.ports.writes.size() == 2);
  CHECK(guest.ports.writes[1].value == 9);
}

TEST_CASE("kvm: statistics of KVM appear as counters") {
  Guest guest(StartMode::kReal, {0xe6, 0x80, 0xfa, 0xf4});
  if (!guest) return;
  guest.run();
  const auto& counters = guest.recorder.counters;
  if (counters.empty()) {
    std::cout << "SKIPPED, this host's KVM has no statistics file\n";
    return;
  }
  const auto exits = std::find_if(counters.begin(), counters.end(), [](const NamedCounter& c) { return c.name == "kvm.vcpu0.exits"; });
  REQUIRE(exits != counters.end());
  CHECK(exits->value > 0);
}

TEST_CASE("kvm: registers survive a round trip through the vCPU") {
  Guest guest(StartMode::kLong, {0xf4});
  if (!guest) return;
  Vcpu& vcpu = guest.machine->vcpu(0);
  Registers r = vcpu.registers().value();
  for (unsigned i = 0; i < 16; ++i) r.gpr[i] = 0x0101010101010101ull * i;
  REQUIRE(vcpu.set_registers(r));
  const Registers back = vcpu.registers().value();
  CHECK(back.gpr == r.gpr);
  CHECK(back.efer == r.efer);
  CHECK(back.segment[hw::kCs].rights == r.segment[hw::kCs].rights);
  GuestPhysical physical;
  CHECK(vcpu.peek_translate(GuestVirtual(0x12345), physical));
  CHECK(physical.value == 0x12345);
  CHECK_FALSE(vcpu.peek_translate(GuestVirtual(0x1'0000'0000), physical));  // beyond the identity map
}

TEST_CASE("kvm: an absurd number of vCPUs is refused in words") {
  if (!kvm_or_skip({.memory_bytes = 1 << 20})) return;
  const auto machine = KvmMachine::create({.memory_bytes = 1 << 20, .vcpus = 1'000'000});
  REQUIRE_FALSE(machine);
  CHECK(machine.error().code == ExitCode::kUsage);
  CHECK(machine.error().message.find("1000000") != std::string::npos);
}
