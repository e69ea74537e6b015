// RingCpu on /dev/kvm: small programs at CPL 3 of the real processor, and what comes back of them. What hosts differ in (selectors read, CPUID,
// CR0.TS ...) is ring_probe's; here is what a monitor relies on everywhere. Times are printed, never judged.
#include <thread>

#include "traces/base/text.h"
#include "vmm/machines/kvm/ring/ring_probe.h"
#include "vmm/testing/ring_or_skip.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;
using hw::kRax, hw::kRbx, hw::kRcx, hw::kRdi, hw::kRsp, hw::kR11;
using Clock = std::chrono::steady_clock;

namespace {

constexpr uint64_t kCode = RingWorld::kCode, kData = RingWorld::kData;
using World = RingWorld;

// mov rax, [kData + page * 4096]; cli
std::vector<uint8_t> load_of(unsigned page) { return {0x48, 0x8b, 0x04, 0x25, 0x00, static_cast<uint8_t>(page << 4), 0x50, 0x00, 0xfa}; }

bool is_system_call(const RingEvent& event) {
  return std::holds_alternative<RingSystemCall>(event) && std::get<RingSystemCall>(event).by == RingSystemCall::By::kSyscall;
}

double microseconds(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

}  // namespace

TEST_CASE("privileged instructions come back as #GP at the instruction, with nothing changed") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  const std::vector<std::vector<uint8_t>> privileged = {
      {0xfa},                    // cli
      {0xfb},                    // sti
      {0xf4},                    // hlt
      {0x0f, 0x20, 0xd8},        // mov rax, cr3
      {0x0f, 0x22, 0xd8},        // mov cr3, rax
      {0x0f, 0x21, 0xf8},        // mov rax, dr7
      {0x0f, 0x01, 0x38},        // invlpg [rax]
      {0x0f, 0x32},              // rdmsr
      {0x0f, 0x30},              // wrmsr
      {0x0f, 0x06},              // clts
      {0x0f, 0x01, 0xf8},        // swapgs
      {0x48, 0x0f, 0x07},        // sysretq
      {0x0f, 0x01, 0x14, 0x24},  // lgdt [rsp]
      {0xec},                    // in al, dx
      {0xe6, 0x40},              // out 0x40, al: a port of the stub's
      {0xe6, 0x62},              // and its last
  };
  for (const auto& code : privileged) {
    CAPTURE(code[0]);
    ring->load(code);
    for (unsigned i = 0; i < 16; ++i)
      if (i != kRsp) ring->context.gpr[i] = 0x1111111111111111 * i;
    ring->context.gpr[kRsp] -= 64;
    const RingContext before = ring->context;
    const RingException e = ring->exception();
    CHECK(e.vector == 13);
    CHECK(e.error == 0);
    CHECK_FALSE(e.software);
    CHECK(ring->context.rip == kCode);
    CHECK(ring->context.gpr == before.gpr);
    CHECK(ring->context.rflags == before.rflags);
    CHECK(ring->context.segment[hw::kCs].selector == before.segment[hw::kCs].selector);
    CHECK(ring->context.segment[hw::kSs].rights == before.segment[hw::kSs].rights);
  }
}

TEST_CASE("code runs, and what it computed is in the context") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  // mov eax, 5; mov ebx, 7; imul eax, ebx; push rax; pop r15; mov edi, 9; cmp eax, 35; cli
  CHECK(ring->exception({0xb8, 5, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0x0f, 0xaf, 0xc3, 0x50, 0x41, 0x5f, 0xbf, 9, 0, 0, 0, 0x83, 0xf8, 0x23, 0xfa}).vector == 13);
  CHECK(ring->context.gpr[kRax] == 35);
  CHECK(ring->context.gpr[15] == 35);
  CHECK(ring->context.gpr[kRdi] == 9);
  CHECK(ring->context.gpr[kRsp] == World::kStack);
  CHECK(ring->context.rip == kCode + 24);
  CHECK((ring->context.rflags & hw::rflags::kArithmetic) == (hw::rflags::kZf | hw::rflags::kPf));
  // The monitor's changes arrive: skip the CLI, another value in RAX, go on with NOPs up to a UD2 elsewhere.
  ring->context.gpr[kRax] = 77;
  ring->context.rip = kCode + 100;
  std::memcpy(ring->world->host(kCode + 100), "\x48\xff\xc0\x0f\x0b", 5);  // inc rax; ud2
  CHECK(ring->exception().vector == 6);
  CHECK(ring->context.gpr[kRax] == 78);
}

TEST_CASE("page faults come with address and error code") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  const auto fault = [&](std::vector<uint8_t> code, uint64_t address, uint32_t error) {
    ring->load(std::move(code));
    ring->context.gpr[kRbx] = address;
    const RingException e = ring->exception();
    CHECK(e.vector == 14);
    CHECK(e.cr2 == address);
    CHECK(e.error == error);
  };
  const std::vector<uint8_t> read{0x48, 0x8b, 0x03}, write{0x48, 0x89, 0x03}, jump{0xff, 0xe3};
  fault(read, 0x700000, 4);    // not present, user
  fault(write, 0x700123, 6);   // a write
  fault(jump, 0x700000, 0x14);
  fault(write, kCode + 8, 7);  // read-only
  fault(read, ring_layout::base_of_slot(ring_layout::kFirstSlot, 4) + ring_layout::kStub, 5);  // the monitor's part is the supervisor's
  fault(jump, ring_layout::base_of_slot(ring_layout::kFirstSlot, 4) + ring_layout::kStub + 0x500, 0x15);
  ring->world->set_entry(kData + 0x3000, ring->world->data_page(3) | World::kPresent | World::kUser | World::kNoExecute);
  fault(jump, kData + 0x3000, 0x15);
  CHECK(ring->context.rip == kData + 0x3000);
}

TEST_CASE("exceptions of the guest's own") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  CHECK(ring->exception({0x0f, 0x0b}).vector == 6);                                   // ud2
  CHECK(ring->exception({0xf0, 0x90}).vector == 6);                                   // lock nop
  CHECK(ring->exception({0x31, 0xc9, 0xf7, 0xf1}).vector == 0);                       // div by zero
  CHECK(ring->context.rip == kCode + 2);
  RingException e = ring->exception({0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x8b, 0x00});  // load from a non-canonical address
  CHECK(e.vector == 13);
  CHECK(e.error == 0);
  e = ring->exception({0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x50});                 // push there
  CHECK(e.vector == 12);
  CHECK(ring->context.gpr[kRsp] == 0x8000000000000000);
  CHECK(ring->exception({0x50, 0xdb, 0xe3, 0xc7, 0x04, 0x24, 0x7b, 0x03, 0, 0, 0xd9, 0x2c, 0x24, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b}).vector == 16);  // fpu
}

TEST_CASE("a rip outside the canonical addresses faults before anything runs") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0xfa});
  ring->context.rip = 0x8000000000000000;
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.rip == 0x8000000000000000);
  ring->context.rip = kCode;
  CHECK(ring->exception().vector == 13);
}

TEST_CASE("system calls and software interrupts") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0x48, 0xc7, 0xc0, 0x27, 0, 0, 0, 0x0f, 0x05, 0xfa});  // mov rax, 39; syscall; cli
  ring->context.rflags |= hw::rflags::kCf;
  CHECK(is_system_call(ring->enter()));
  CHECK(ring->context.rip == kCode + 7);
  CHECK(ring->context.gpr[kRax] == 39);
  CHECK(ring->context.gpr[kRsp] == World::kStack);
  CHECK((ring->context.rflags & (hw::rflags::kCf | hw::rflags::kIf)) == (hw::rflags::kCf | hw::rflags::kIf));
  ring->context.rip += 2;
  CHECK(ring->exception().vector == 13);  // the cli
  CHECK(ring->context.rip == kCode + 9);

  const RingEvent sysenter = ring->run({0x0f, 0x34});
  REQUIRE(std::holds_alternative<RingSystemCall>(sysenter));
  CHECK(std::get<RingSystemCall>(sysenter).by == RingSystemCall::By::kSysenter);
  CHECK(ring->context.rip == kCode);

  ring->controls.efer &= ~hw::efer::kSce;
  const RingException e = ring->exception({0x0f, 0x05});
  CHECK(e.vector == 6);
  CHECK_FALSE(e.software);
  CHECK(ring->context.rip == kCode);
  ring->controls.efer |= hw::efer::kSce;

  for (const unsigned vector : {3u, 4u, 13u, 14u, 0x20u, 0x80u, 0xffu}) {
    CAPTURE(vector);
    const RingException interrupt = ring->exception({0x90, 0xcd, static_cast<uint8_t>(vector)});
    CHECK(interrupt.software);
    CHECK(interrupt.vector == vector);
    CHECK(ring->context.rip == kCode + 1);
  }
  CHECK(ring->exception({0x90, 0xcc}).software);
  CHECK(ring->context.rip == kCode + 1);
}

TEST_CASE("a jump to the SYSCALL entry is a page fault, not a system call") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->run({0x0f, 0x05});
  ring->load({0xff, 0xe3});  // jmp rbx
  // Wherever the entry is in the stub's first page: none of its addresses is a way in.
  const uint64_t stub = ring_layout::base_of_slot(ring_layout::kFirstSlot, 4) + ring_layout::kStub;
  for (uint64_t offset = 0x300; offset < 0x700; offset += 16) {
    ring->context.rip = kCode;
    ring->context.gpr[kRbx] = stub + offset;
    ring->context.gpr[kRcx] = kCode + 0x80;
    const RingException e = ring->exception();
    CHECK(e.vector == 14);
    CHECK(e.cr2 == stub + offset);
  }
}

TEST_CASE("single steps trap after each instruction") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0x90, 0x48, 0xff, 0xc0, 0x90, 0xfa});
  ring->context.rflags |= hw::rflags::kTf;
  for (const uint64_t rip : {kCode + 1, kCode + 4, kCode + 5}) {
    const RingException e = ring->exception();
    CHECK(e.vector == 1);
    CHECK(e.dr6 == 0x4000);  // BS, and only that
    CHECK(ring->context.rip == rip);
    CHECK((ring->context.rflags & hw::rflags::kTf) != 0);
  }
  CHECK(ring->context.gpr[kRax] == 1);
  CHECK(ring->exception().vector == 13);
}

TEST_CASE("segment registers and bases go in and come out") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  constexpr uint64_t kFsBase = 0x123456789000, kGsBase = 0xffff8123456789ab;
  // rdfsbase rax; rdgsbase rbx; cli
  ring->load({0xf3, 0x48, 0x0f, 0xae, 0xc0, 0xf3, 0x48, 0x0f, 0xae, 0xcb, 0xfa});
  ring->context.segment[hw::kFs].base = kFsBase;
  ring->context.segment[hw::kGs].base = kGsBase;
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.gpr[kRax] == kFsBase);
  CHECK(ring->context.gpr[kRbx] == kGsBase);
  CHECK(ring->context.segment[hw::kFs].base == kFsBase);
  CHECK(ring->context.segment[hw::kGs].base == kGsBase);
  ring->context.rip = kCode;
  ring->context.segment[hw::kFs].base = kFsBase + 1;  // another one at a later entry
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.gpr[kRax] == kFsBase + 1);
  CHECK(ring->context.gpr[kRbx] == kGsBase);

  // mov eax, kData; wrfsbase rax; mov rbx, fs:[8]; cli: the write needs no trap and is seen
  std::memcpy(ring->world->host(kData + 8), "\x11\x22\x33\x44\x55\x66\x77\x08", 8);
  CHECK(ring->exception({0xb8, 0, 0, 0x50, 0, 0xf3, 0x48, 0x0f, 0xae, 0xd0, 0x64, 0x48, 0x8b, 0x1c, 0x25, 8, 0, 0, 0, 0xfa}).vector == 13);
  CHECK(ring->context.gpr[kRbx] == 0x0877665544332211);
  CHECK(ring->context.segment[hw::kFs].base == kData);
  // Unchanged by a round trip that does not touch it.
  ring->context.rip = kCode + 19;
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.segment[hw::kFs].base == kData);

  // mov eax, kBasedData; mov fs, eax; mov rbx, fs:[8]; cli
  ring->load({0xb8, World::kBasedData, 0, 0, 0, 0x8e, 0xe0, 0x64, 0x48, 0x8b, 0x1c, 0x25, 8, 0, 0, 0, 0xfa});
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.segment[hw::kFs].selector == World::kBasedData);
  CHECK(ring->context.segment[hw::kFs].base == World::kDataBase);
  CHECK(ring->context.gpr[kRbx] == 0x0877665544332211);

  // A selector the shadow GDT has nothing for.
  const RingException e = ring->exception({0xb8, 0x43, 0, 0, 0, 0x8e, 0xe0});
  CHECK(e.vector == 13);
  CHECK(e.error == 0x40);
}

TEST_CASE("hidden parts the shadow GDT doesn't have are entered with nevertheless") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  // As a deprivileged kernel has them: selectors of its own descriptors, which are not in the table.
  ring->load({0x48, 0xff, 0xc0, 0xfa});
  ring->context.segment[hw::kCs].selector = 0x13;
  ring->context.segment[hw::kSs].selector = 3;
  for (int i = 1; i <= 3; ++i) {
    const RingException e = ring->exception();
    CHECK(e.vector == 13);
    CHECK(e.error == 0);
    CHECK(ring->context.gpr[kRax] == static_cast<uint64_t>(i));
    CHECK(ring->context.segment[hw::kCs].selector == 0x13);
    CHECK(ring->context.segment[hw::kCs].long_code());
    CHECK(ring->context.segment[hw::kSs].selector == 3);
    ring->context.rip = kCode;
  }
}

TEST_CASE("compatibility mode runs with its segments' bases") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  // inc eax (a REX prefix in 64-bit mode); mov ebx, [8] through DS; cli
  ring->load32({0x40, 0x8b, 0x1d, 8, 0, 0, 0, 0xfa});
  ring->context.segment[hw::kDs].selector = World::kBasedData;
  ring->context.segment[hw::kDs].base = World::kDataBase;
  std::memcpy(ring->world->host(kData + 8), "\x78\x56\x34\x12", 4);
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.gpr[kRax] == 1);
  CHECK(ring->context.gpr[kRbx] == 0x12345678);
  CHECK_FALSE(ring->context.segment[hw::kCs].long_code());

  ring->load32({0xcd, 0x80});
  const RingException interrupt = ring->exception();
  CHECK(interrupt.software);
  CHECK(interrupt.vector == 0x80);
  ring->load32({0x0f, 0x34});
  CHECK(std::holds_alternative<RingSystemCall>(ring->enter()));
  ring->load32({0x0f, 0x05});  // not in this mode
  CHECK(ring->exception().vector == 6);
  // jmp far kCode64:kCode + 16, and REX code there
  ring->load32({0xea, 0x10, 0, 0x40, 0, World::kCode64, 0});
  std::memcpy(ring->world->host(kCode + 16), "\x49\xff\xc7\xfa", 4);  // inc r15; cli
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.gpr[15] == 1);
  CHECK(ring->context.segment[hw::kCs].long_code());
  CHECK(ring->context.segment[hw::kCs].selector == World::kCode64);
}

TEST_CASE("an endless loop ends at the deadline and goes on from there") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0x48, 0xff, 0xc0, 0xeb, 0xfb});  // inc rax; jmp back
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    ring->bounds.wall_deadline = Clock::now() + std::chrono::milliseconds(5);
    REQUIRE(std::holds_alternative<RingInterrupted>(ring->enter()));
    CHECK(ring->context.gpr[kRax] > last);
    CHECK(ring->context.rip >= kCode);
    CHECK(ring->context.rip <= kCode + 4);
    last = ring->context.gpr[kRax];
  }
  ring->bounds = {.time = Cycles(ring->clock->now().value + 3'000'000)};  // the same by the machine's clock
  REQUIRE(std::holds_alternative<RingInterrupted>(ring->enter()));
  CHECK(ring->context.gpr[kRax] > last);
  // Interrupted, then changed, then trapped.
  std::memcpy(ring->world->host(kCode + 64), "\xfa", 1);
  ring->context.rip = kCode + 64;
  ring->context.gpr[kRax] = 5;
  ring->bounds = {};
  CHECK(ring->exception().vector == 13);
  CHECK(ring->context.gpr[kRax] == 5);
  // A deadline in the past: nothing runs.
  ring->context.rip = kCode;
  ring->bounds.wall_deadline = Clock::now();
  REQUIRE(std::holds_alternative<RingInterrupted>(ring->enter()));
  CHECK(ring->context.gpr[kRax] == 5);
}

TEST_CASE("another thread's interrupt ends a loop, and one that comes early ends the next entry") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0x48, 0xff, 0xc0, 0xeb, 0xfb});
  for (int i = 0; i < 20; ++i) {
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
      ring->cpu->interrupt();
    });
    CHECK(std::holds_alternative<RingInterrupted>(ring->enter()));
    other.join();
  }
  CHECK(ring->context.gpr[kRax] > 0);
  ring->cpu->interrupt();
  ring->load({0xfa});
  CHECK(std::holds_alternative<RingInterrupted>(ring->enter()));
  CHECK(ring->exception().vector == 13);
}

TEST_CASE("interruptions among thousands of traps lose none of them") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0x48, 0xff, 0xc0, 0xfa});  // inc rax; cli
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (unsigned i = 0; !stop; ++i) {
      ring->cpu->interrupt();
      const auto until = Clock::now() + std::chrono::microseconds(20 + i * 37 % 150);
      while (Clock::now() < until) {}
    }
  });
  uint64_t traps = 0, interruptions = 0;
  while (traps < 1000) {
    const RingEvent event = ring->enter();
    if (std::holds_alternative<RingInterrupted>(event)) {
      ++interruptions;
      continue;
    }
    ++traps;
    ring->context.rip = kCode;
  }
  stop = true;
  other.join();
  CHECK(ring->context.gpr[kRax] == traps);
  std::cout << "ring: " << interruptions << " interruptions among " << traps << " traps\n";
}

TEST_CASE("an interrupt in the middle of a long chain waits for its end") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  ring->exception(load_of(0));
  for (int round = 0; round < 5; ++round) {
    ring->load({0x48, 0xff, 0xc0, 0xeb, 0xfb});  // inc rax; jmp back
    w.set_entry(kData, w.data_page(round + 1) | World::kPresent | World::kUser);
    *reinterpret_cast<uint64_t*>(w.host(kData + (round + 1) * kPageSize)) = 70 + round;
    for (unsigned i = 0; i < 1500; ++i) ring->flush.edits.push_back({w.entry_of(kData)});
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(500 + 300 * round));
      ring->cpu->interrupt();
    });
    REQUIRE(std::holds_alternative<RingInterrupted>(ring->enter()));
    other.join();
    CHECK(ring->context.segment[hw::kCs].selector == World::kCode64);
    CHECK(ring->context.rip - kCode <= 4);
    CHECK(ring->exception(load_of(0)).vector == 13);
    CHECK(ring->context.gpr[kRax] == 70u + static_cast<unsigned>(round));
  }
}

TEST_CASE("edits of page tables are honoured: added, changed, removed, protected") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  for (unsigned i = 0; i < World::kDataPages; ++i) *reinterpret_cast<uint64_t*>(w.host(kData + i * kPageSize)) = 1000 + i;
  const auto set = [&](uint64_t value) {
    w.set_entry(kData, value);
    ring->flush.edits.push_back({w.entry_of(kData)});
    ring->flush.pages.push_back(kData);
  };
  const auto loaded = [&]() -> uint64_t {
    const RingException e = ring->exception(load_of(0));
    return e.vector == 13 ? ring->context.gpr[kRax] : 0;
  };
  constexpr uint64_t kAll = World::kPresent | World::kWritable | World::kUser;
  w.set_entry(kData, 0);
  CHECK(loaded() == 0);
  w.set_entry(kData, w.data_page(1) | kAll);  // an entry that appears needs no flush
  CHECK(loaded() == 1001);
  for (unsigned i = 2; i < World::kDataPages; ++i) {
    set(w.data_page(i) | kAll);
    CHECK(loaded() == 1000 + i);
  }
  set(0);
  CHECK(loaded() == 0);
  set(w.data_page(3) | World::kPresent);  // the supervisor's
  CHECK(loaded() == 0);
  set(w.data_page(3) | World::kPresent | World::kUser);
  CHECK(loaded() == 1003);
  ring->load({0x48, 0x89, 0x04, 0x25, 0, 0, 0x50, 0, 0xfa});  // mov [kData], rax
  RingException e = ring->exception();
  CHECK(e.vector == 14);
  CHECK(e.error == 7);
  set(w.data_page(3) | kAll);
  CHECK(ring->exception().vector == 13);
  set(w.data_page(3) | World::kPresent | World::kUser);  // and back: the writable translation is forgotten
  ring->context.rip = kCode;
  CHECK(ring->exception().vector == 14);
}

TEST_CASE("more edits than one chain holds are honoured") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  constexpr uint64_t kAll = World::kPresent | World::kWritable | World::kUser;
  for (unsigned i = 0; i < World::kDataPages; ++i) {
    *reinterpret_cast<uint64_t*>(w.host(kData + i * kPageSize)) = i;
    CHECK(ring->exception(load_of(i)).vector == 13);
    CHECK(ring->context.gpr[kRax] == i);
  }
  // All 16 turned around, each told often.
  for (unsigned i = 0; i < World::kDataPages; ++i) w.set_entry(kData + i * kPageSize, w.data_page(World::kDataPages - 1 - i) | kAll);
  for (unsigned round = 0; round < 300; ++round) {
    for (unsigned i = 0; i < World::kDataPages; ++i) ring->flush.edits.push_back({w.entry_of(kData + i * kPageSize)});
  }
  ring->flush.all = true;
  for (unsigned i = 0; i < World::kDataPages; ++i) {
    CHECK(ring->exception(load_of(i)).vector == 13);
    CHECK(ring->context.gpr[kRax] == World::kDataPages - 1 - i);
  }
}

TEST_CASE("each entry runs on the root it was given, however CS and SS get in") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  for (const uint16_t selector : {World::kCode64, uint16_t{0x13}}) {
    for (int round = 0; round < 4; ++round) {
      for (const uint64_t root : {w.root(), w.other_root(), w.other_root(), w.root()}) {
        CAPTURE(selector, root);
        ring->load({0x48, 0x8b, 0x03, 0xfa});  // mov rax, [rbx]; cli
        ring->context.segment[hw::kCs].selector = selector;
        ring->context.gpr[kRbx] = World::kAlias + kData;
        ring->controls.root = root;
        if (round == 2) ring->flush.all = true;
        CHECK(ring->exception().vector == (root == w.other_root() ? 13 : 14));
      }
    }
  }
}

TEST_CASE("roots switch, and global translations go with a full flush") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  ring->controls.cr4 |= hw::cr4::kPge;
  for (int round = 0; round < 10; ++round) {
    for (const uint64_t root : {w.root(), w.other_root()}) {
      ring->controls.root = root;
      CHECK(ring->exception(load_of(0)).vector == 13);
    }
  }
  constexpr uint64_t kGlobal = 1 << 8, kAll = World::kPresent | World::kWritable | World::kUser | kGlobal;
  *reinterpret_cast<uint64_t*>(w.host(kData + 0x1000)) = 11;
  *reinterpret_cast<uint64_t*>(w.host(kData + 0x2000)) = 22;
  const auto map = [&](unsigned page) {
    w.set_entry(kData, w.data_page(page) | kAll);
    ring->flush.edits.push_back({w.entry_of(kData)});
    ring->flush.all = true;
    CHECK(ring->exception(load_of(0)).vector == 13);
    return ring->context.gpr[kRax];
  };
  CHECK(map(1) == 11);
  CHECK(map(2) == 22);
  CHECK(map(1) == 11);
}

TEST_CASE("the monitor's part moves to another slot and back") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  World& w = *ring->world;
  for (const unsigned slot : {300u, 511u, 258u, ring_layout::kFirstSlot}) {
    ring->exception(load_of(0));
    w.move_part(slot);
    ring->controls = w.controls();
    CHECK(ring->exception(load_of(0)).vector == 13);
    w.set_entry(kData, 0);
    ring->flush.edits.push_back({w.entry_of(kData)});
    ring->flush.pages.push_back(kData);
    CHECK(ring->exception(load_of(0)).vector == 14);
    w.set_entry(kData, w.data_page(0) | World::kPresent | World::kWritable | World::kUser);
    CHECK(is_system_call(ring->run({0x0f, 0x05})));
  }
}

TEST_CASE("floating-point state stays in the processor and goes in and out") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  hw::CpuState in;
  in.xmm[1] = {.lo = 0x4000000000000000, .hi = 7};  // 2.0
  in.fpu.status = 5 << 11;
  in.fpu.empty = static_cast<uint8_t>(~(1u << 5));
  in.fpu.st[5] = {.mantissa = 0xc000000000000000, .sign_exponent = 0x4000};  // 3.0
  in.mxcsr = 0x1fa0;
  if (const auto put = ring->cpu->put_fpu(in); !put) FAIL(put.error().message);
  // addsd xmm1, xmm1; fadd st0, st0; cli
  CHECK(ring->exception({0xf2, 0x0f, 0x58, 0xc9, 0xd8, 0xc0, 0xfa}).vector == 13);
  ring->context.rip = kCode;  // and again: nothing was lost in between
  CHECK(ring->exception().vector == 13);
  hw::CpuState out;
  REQUIRE(ring->cpu->fetch_fpu(out));
  CHECK(out.xmm[1].lo == 0x4020000000000000);  // 8.0
  CHECK(out.xmm[1].hi == 7);
  CHECK(out.fpu.st[5].mantissa == 0xc000000000000000);
  CHECK(out.fpu.st[5].sign_exponent == 0x4002);  // 12.0
  CHECK(out.fpu.empty == in.fpu.empty);
  CHECK((out.fpu.status >> 11 & 7) == 5);
  CHECK((out.mxcsr & 0x1f80) == 0x1f80);
}

TEST_CASE("what cannot be is said in words: a root without the monitor's part, an address without RAM") {
  auto ring = ring_or_skip();
  if (!ring) return;
  ring->load({0xfa});
  World& w = *ring->world;
  // The guest's own page mapped to machine addresses beyond RAM.
  w.set_entry(kData, 0x300000 | World::kPresent | World::kUser);
  const auto outside = ring->cpu->enter(ring->context = w.context(load_of(0)), ring->controls, ring->flush, ring->bounds);
  REQUIRE_FALSE(outside);
  CHECK(outside.error().code == ExitCode::kHost);
  CHECK(outside.error().message.find("0x300000") != std::string::npos);
}

TEST_CASE("the probe finds the same each time, and says each fact that doesn't hold") {
  if (!ring_or_skip()) return;
  const auto first = probe_ring(), second = probe_ring();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first.value().trap.quartile1 > 0);
  CHECK(first.value().trap.median >= first.value().trap.quartile1);
  CHECK(first.value().trap.quartile3 >= first.value().trap.median);
  REQUIRE(first.value().facts.size() == second.value().facts.size());
  const std::string text = to_text(first.value());
  for (size_t i = 0; i < first.value().facts.size(); ++i) {
    const RingFact& fact = first.value().facts[i];
    CAPTURE(fact.name);
    CHECK(fact.holds == second.value().facts[i].holds);
    const std::string sentence = text::tr(fact.text_key);
    CHECK(sentence.find("vmm.") == std::string::npos);  // there is a text
    CHECK((text.find(sentence) == std::string::npos) == fact.holds);
  }
  CHECK_FALSE(first.value().holds("no such fact"));
}

TEST_CASE("round trips, timed") {
  const auto ring = ring_or_skip();
  if (!ring) return;
  const auto timed = [&](const char* what, unsigned n, auto&& once) {
    once();
    const auto start = Clock::now();
    for (unsigned i = 0; i < n; ++i) once();
    std::cout << "ring: " << what << " " << microseconds(Clock::now() - start) / n << " us\n";
  };
  ring->load({0xfa, 0x0f, 0x05});
  timed("cli, #GP and back", 2000, [&] {
    ring->context.rip = kCode;
    REQUIRE(ring->exception().vector == 13);
  });
  timed("system call and back", 1000, [&] {
    ring->context.rip = kCode + 1;
    REQUIRE(is_system_call(ring->enter()));
  });
  timed("the same with another root each time", 500, [&] {
    ring->context.rip = kCode;
    ring->controls.root ^= ring->world->root() ^ ring->world->other_root();
    REQUIRE(ring->exception().vector == 13);
  });
  timed("the same with one edit and one page flushed", 500, [&] {
    ring->context.rip = kCode;
    ring->flush.edits.push_back({ring->world->entry_of(kData)});
    ring->flush.pages.push_back(kData);
    REQUIRE(ring->exception().vector == 13);
  });
  timed("the same with 100 edits and everything flushed", 50, [&] {
    ring->context.rip = kCode;
    ring->flush.all = true;
    for (unsigned i = 0; i < 100; ++i) ring->flush.edits.push_back({ring->world->entry_of(kData + i % World::kDataPages * kPageSize)});
    REQUIRE(ring->exception().vector == 13);
  });
  ring->context.segment[hw::kCs].selector = 0x13;
  timed("the same with CS not in the GDT", 500, [&] {
    ring->context.rip = kCode;
    REQUIRE(ring->exception().vector == 13);
  });
}
