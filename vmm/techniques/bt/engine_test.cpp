// The engine around the sequences: exact state at every place of a translation, chaining, self-modifying code, remapped
// code, a cache that is too small, retranslation of instructions that keep trapping, interruptions.
#include "tests/catch.h"
#include "vmm/techniques/bt/testing/twin.h"

using namespace ringside;
using namespace ringside::vmm::bt;
using namespace ringside::vmm::bt::testing;
namespace at = hw::testing::at;
using hw::Cpu;

namespace {

constexpr uint8_t kHlt = 0xf4;

void start(Twin& twin, uint64_t rip) {
  twin.translated.start_again();
  twin.native.cpu.halted = false;
  twin.set([&](Cpu& cpu) {
    for (unsigned i = 0; i < 16; ++i) cpu.gpr[i] = 0x1111111111111111ull * i + 0x0123456789abcdefull;
    cpu.gpr[hw::kRsp] = at::kStack - 0x100;
    cpu.gpr[hw::kRbx] = at::kData + 0x100;
    cpu.rip = rip;
    cpu.set_rflags(0x2d7);
  });
}

// Counts down from `turns` in a loop of two blocks with a call.
//   mov ecx, turns; again: call leaf; dec ecx; jnz again; hlt; leaf: add rax, rcx; ret
std::vector<uint8_t> call_loop(uint32_t turns) {
  return {0xb9,
          static_cast<uint8_t>(turns),
          static_cast<uint8_t>(turns >> 8),
          0,
          0,
          0xe8,
          5,
          0,
          0,
          0,
          0xff,
          0xc9,
          0x75,
          0xf7,
          kHlt,
          0x48,
          0x01,
          0xc8,
          0xc3};
}

}  // namespace

TEST_CASE("The state is exact wherever translated code is stopped", "[bt]") {
  // Every kind of sequence in a row, straight on to HLT.
  const std::vector<uint8_t> code = {
      0xfa, 0x9c, 0x0f, 0x20, 0xc0,                                 // cli; pushfq; mov rax, cr0
      0x8c, 0xc9, 0x8c, 0x0b, 0x0f, 0xa0,                           // mov ecx, cs; mov [rbx], cs; push fs
      0x48, 0x8b, 0x15, 0x00, 0x90, 0,    0,    0xfb, 0x90,         // mov rdx, [rip + ...]; sti; nop
      0x0f, 0x01, 0xcb, 0x0f, 0x01, 0xca, 0x9c, 0x9d,               // stac; clac; pushfq; popfq
      0x6a, 0x02, 0x9d, 0x6a, 0x46, 0x9d,                           // push 2; popfq; push 0x46; popfq
      0xe8, 0x02, 0,    0,    0,    0xeb, 0x01, 0xc3,               // call over the jump to the ret; back; jmp over it
      0x48, 0x8d, 0x05, 0x09, 0,    0,    0,    0x50,               // lea rax, [rip + 9]; push rax
      0xff, 0x24, 0x24, kHlt, kHlt, kHlt, kHlt, kHlt,               // jmp [rsp]; never
      0x48, 0x8d, 0x05, 0x04, 0,    0,    0,    0xff, 0xd0,         // lea rax, [rip + 4]; call rax
      kHlt, kHlt, 0x31, 0xc9, 0xe3, 0x01, kHlt, 0xff, 0xc1, kHlt};  // never; xor ecx, ecx; jrcxz; never; inc ecx; hlt
  for (const uint64_t place : {kLow, kTop, kFar}) {
    // The native states before each instruction.
    Twin reference;
    reference.put(at::kCode, code);
    start(reference, place + at::kCode);
    std::vector<hw::CpuState> states{reference.native.cpu};
    while (!reference.native.cpu.halted) {
      hw::step(reference.native.cpu);
      states.push_back(reference.native.cpu);
    }
    // Warm: all blocks translated and linked. Then stopped after n instructions of the cache, for every n.
    Twin twin;
    twin.put(at::kCode, code);
    start(twin, place + at::kCode);
    for (int i = 0; i < 3; ++i) {
      start(twin, place + at::kCode);
      REQUIRE(twin.translated.run_to_halt());
    }
    size_t last = 0;
    unsigned stops = 0;
    for (unsigned n = 0; n < 400; ++n) {
      start(twin, place + at::kCode);
      twin.translated.guest.cpu.interrupt_shadow = 0;
      TranslatedMachine::Event event;
      REQUIRE(twin.translated.enter(event, n));
      const Stopped s = twin.translated.leave(event);
      INFO("place " << std::hex << place << std::dec << ", after " << n << " instructions of the cache");
      REQUIRE(s.at != Stopped::At::kOutside);
      size_t i = last;
      while (i < states.size() && !Twin::difference_of(states[i], twin.translated.guest.cpu).empty()) ++i;
      if (i == states.size()) {
        // Name what is nearest: the state at the same rip.
        for (const auto& state : states) {
          if (state.rip == s.guest.rip) CHECK(Twin::difference_of(state, twin.translated.guest.cpu) == "");
        }
      }
      REQUIRE(i < states.size());
      CHECK(s.interrupt_shadow == (states[i].interrupt_shadow != 0));
      last = i;
      ++stops;
      if (event.kind == TranslatedMachine::Event::Kind::kException) break;  // the call-out at HLT
    }
    CHECK(last + 2 == states.size());  // up to before HLT
    CHECK(stops > 130);
  }
}

TEST_CASE("Blocks are chained: a loop runs without leaving the cache", "[bt]") {
  for (const uint64_t place : {kLow, kTop, kFar}) {
    Twin twin;
    twin.put(at::kCode, call_loop(1000));
    start(twin, place + at::kCode);
    REQUIRE(twin.run());
    CHECK(twin.difference() == "");
    const EngineCounters& c = twin.translated.engine->counters();
    CHECK(c.translations <= 6);
    CHECK(c.exits + c.misses + c.call_outs < 12);
    CHECK(c.published == 1);
    CHECK(c.links >= 3);
  }
}

TEST_CASE("An in-line cache remembers the target of an indirect call, the hash table finds others", "[bt]") {
  // again: lea rax, [rip + a]; call rax; xor: swap between two leaves by rdx; dec ecx; jnz; hlt
  const std::vector<uint8_t> code = {
      0xb9, 100,  0,    0,    0,                       // mov ecx, 100
      0x48, 0x8d, 0x05, 0x0e, 0,    0,    0,           // again: lea rax, [rip + 14] (leaf one)
      0x48, 0x8d, 0x04, 0xd0, 0xff, 0xd0,              // lea rax, [rax + rdx*8]; call rax
      0x83, 0xf2, 0x01, 0xff, 0xc9, 0x75, 0xec, kHlt,  // xor edx, 1; dec ecx; jnz again; hlt
      0x48, 0xff, 0xc3, 0xc3, 0x90, 0x90, 0x90, 0x90,  // inc rbx; ret
      0x48, 0xff, 0xc6, 0xc3};                         // inc rsi; ret
  for (const uint64_t place : {kLow, kTop, kFar}) {
    Twin twin;
    twin.put(at::kCode, code);
    start(twin, place + at::kCode);
    twin.set([](Cpu& cpu) { cpu.gpr[hw::kRdx] = 0; });
    REQUIRE(twin.run());
    CHECK(twin.difference() == "");
    const EngineCounters& c = twin.translated.engine->counters();
    CHECK(c.misses < 10);
    CHECK(c.remembered == (place == kFar ? 0 : 2));  // the loop's body is translated twice, first from before it
  }
}

TEST_CASE("Targets that share a bucket of the hash table do not push each other out", "[bt]") {
  // Two leaves 64 KiB apart, returned to in turns: push a, ret; push b, ret.
  const std::vector<uint8_t> code = {0xb9, 200,  0,    0,    0,   0x68,
                                     0x00, 0x80, 0x02, 0x00, 0xc3};  // mov ecx, 200; push 0x28000; ret
  const std::vector<uint8_t> first = {0xff, 0xc0, 0x68, 0x00,
                                      0x80, 0x03, 0x00, 0xc3};  // at 0x28000: inc eax; push 0x38000; ret
  const std::vector<uint8_t> second = {0xff, 0xc9, 0x75, 0x01, kHlt, 0x68,
                                       0x00, 0x80, 0x02, 0x00, 0xc3};  // at 0x38000: dec ecx; jnz; hlt; push; ret
  Twin twin;
  twin.put(at::kCode, code);
  twin.put(0x28000, first);
  twin.put(0x38000, second);
  start(twin, at::kCode);
  REQUIRE(twin.run());
  CHECK(twin.difference() == "");
  CHECK(twin.translated.engine->counters().misses == 2);
}

TEST_CASE("Code that changes itself is translated again", "[bt]") {
  // again: mov eax, 1; add rbx, rax; inc byte [rip - ...] (the immediate); dec ecx; jnz again; hlt
  const std::vector<uint8_t> code = {0xb9, 10,   0,    0,    0,    0xb8, 1,    0,    0,    0,    0x48, 0x01,
                                     0xc3, 0xfe, 0x05, 0xf3, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x75, 0xee, kHlt};
  for (const uint64_t place : {kLow, kTop, kFar}) {
    Twin twin;
    twin.put(at::kCode, code);
    start(twin, place + at::kCode);
    REQUIRE(twin.run());
    CHECK(twin.difference() == "");
    CHECK(twin.translated.engine->counters().written >= 9);
  }
}

TEST_CASE("A store to a translated page that hits no translation leaves them alone", "[bt]") {
  // The data lies behind the code, on its page. Without adaptation each store traps; with it, it is called out after a
  // while.
  const std::vector<uint8_t> code = {0xb9, 100, 0, 0, 0, 0xff, 0x05, 0x00, 0x04, 0, 0, 0xff, 0xc9, 0x75, 0xf6, kHlt};
  for (const Adaptive adaptive : {Adaptive::kOff, Adaptive::kOn}) {
    EngineOptions options;
    options.adaptive = adaptive;
    Twin twin(options);
    twin.put(at::kCode, code);
    start(twin, at::kCode);
    REQUIRE(twin.run());
    CHECK(twin.difference() == "");
    const EngineCounters& c = twin.translated.engine->counters();
    CHECK(c.written == 0);
    CHECK((c.retranslated > 0) == (adaptive == Adaptive::kOn));
    CHECK((c.call_outs > 50) == (adaptive == Adaptive::kOn));
  }
}

TEST_CASE("Code mapped elsewhere sleeps, and wakes when the mapping is back", "[bt]") {
  // Two pages of physical memory take turns at one linear address, by changing a page-table root.
  Twin twin;
  // A second root whose last 2 GiB are mapped through another page directory: its 2 MiB are 4 KiB pages with 0x28000
  // and 0x38000 swapped.
  constexpr uint64_t kRoot = 0x20000, kPdpt = 0x21000, kPd = 0x22000, kPt = 0x23000;
  twin.poke(kRoot, twin.native.peek<uint64_t>(at::kPml4));
  twin.poke(kRoot + 8 * 511, kPdpt | 0x27);
  twin.poke(kPdpt + 8 * 510, kPd | 0x27);
  twin.poke(kPd, kPt | 0x27);
  for (uint64_t i = 0; i < 512; ++i)
    twin.poke(kPt + 8 * i, (i == 0x28 ? 0x38000 : i == 0x38 ? 0x28000 : i << 12) | 0x67);
  // At 0x8000 (low): call 0x28000 (top); switch root; the same; switch back; three rounds.
  const std::vector<uint8_t> code = {
      0xb9, 3,    0,    0,    0,                                         // mov ecx, 3
      0x48, 0xc7, 0xc0, 0x00, 0x80, 0x02, 0x80, 0xff, 0xd0,              // again: mov rax, top + 0x28000; call rax
      0x0f, 0x20, 0xdf, 0xba, 0x00, 0x00, 0x02, 0x00, 0x0f, 0x22, 0xda,  // mov rdi, cr3; mov edx, 0x20000; mov cr3, rdx
      0xff, 0xd0, 0x0f, 0x22, 0xdf,                                      // call rax; mov cr3, rdi
      0xff, 0xc9, 0x75, 0xe3, kHlt};
  twin.put(at::kCode, code);
  twin.put(0x28000, {0x48, 0xff, 0xc3, 0xc3});  // inc rbx; ret
  twin.put(0x38000, {0x48, 0xff, 0xc6, 0xc3});  // inc rsi; ret
  start(twin, at::kCode);
  const uint64_t rbx = twin.native.cpu.gpr[hw::kRbx], rsi = twin.native.cpu.gpr[hw::kRsi];
  twin.native.cpu.deadline = 1000;
  hw::run(twin.native.cpu);
  REQUIRE(twin.native.cpu.halted);
  // The harness's tables for the translated machine are not the guest's, so only code is looked at through the second
  // root: enough here.
  REQUIRE(twin.translated.run_to_halt());
  CHECK(twin.difference() == "");
  CHECK(twin.native.cpu.gpr[hw::kRbx] == rbx + 3);
  CHECK(twin.native.cpu.gpr[hw::kRsi] == rsi + 3);
  const EngineCounters& c = twin.translated.engine->counters();
  CHECK(c.woken >= 4);
  CHECK(c.remapped >= 5);
}

TEST_CASE("A cache that is too small evicts by generations and goes on", "[bt]") {
  EngineOptions options;
  options.generations = 2;
  const uint32_t bytes = cache_layout::kTranslations + 2 * kLongestTranslation + kPageSize;  // whole pages of it count
  Twin twin(options, bytes);
  // A chain of 1200 jumps, three times around.
  std::vector<uint8_t> code;
  for (unsigned i = 0; i < 1200; ++i) code.insert(code.end(), {0x48, 0xff, 0xc0, 0xeb, 0x00});
  code.insert(code.end(), {0xff, 0xc9, 0x0f, 0x85});
  const auto back = static_cast<uint32_t>(-static_cast<int>(code.size() + 4));
  for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<uint8_t>(back >> (8 * i)));
  code.push_back(kHlt);
  twin.put(0x28000, code);
  start(twin, 0x28000);
  twin.set([](Cpu& cpu) { cpu.gpr[hw::kRcx] = 3; });
  REQUIRE(twin.run());
  CHECK(twin.difference() == "");
  const EngineCounters& c = twin.translated.engine->counters();
  CHECK(c.evicted > 2000);
  CHECK(twin.translated.engine->cache().count() < 500);
  CHECK(twin.translated.engine->cache().bytes_in_use() <= 2 * kLongestTranslation + kPageSize);
}

TEST_CASE("An endless loop can be interrupted, exactly", "[bt]") {
  Twin twin;
  twin.put(at::kCode, {0x48, 0xff, 0xc0, 0xeb, 0xfb});  // again: inc rax; jmp again
  start(twin, at::kCode);
  const uint64_t rax = twin.native.cpu.gpr[hw::kRax];
  uint64_t before = rax;
  for (unsigned n = 1; n < 50; ++n) {
    TranslatedMachine::Event event;
    REQUIRE(twin.translated.enter(event, 1000 + n));
    const Stopped s = twin.translated.leave(event);
    REQUIRE(s.at != Stopped::At::kOutside);
    CHECK((s.guest.rip == at::kCode || s.guest.rip == at::kCode + 3));
    if (n > 2) CHECK(s.guest.gpr[hw::kRax] >= before + 499);
    before = s.guest.gpr[hw::kRax];
  }
}

TEST_CASE("An interrupt that waits is told of when STI and POPF let it in", "[bt]") {
  for (const std::vector<uint8_t>& open : {std::vector<uint8_t>{0xfb}, {0x68, 0x02, 0x02, 0, 0, 0x9d}}) {
    Twin twin;
    std::vector<uint8_t> code = {0xfa, 0x9c, 0x9d};  // cli; pushfq; popfq: nothing to tell
    code.insert(code.end(), open.begin(), open.end());
    const uint64_t before_last = at::kCode + code.size() - 1;
    code.insert(code.end(), {0x90, 0x90, kHlt});
    twin.put(at::kCode, code);
    start(twin, at::kCode);
    for (const bool pending : {false, true, false}) {
      start(twin, at::kCode);
      twin.translated.engine->set_interrupt_pending(pending);
      TranslatedMachine::Event event;
      Stopped s;
      do {
        REQUIRE(twin.translated.enter(event));
        s = twin.translated.leave(event);
      } while (s.at == Stopped::At::kExit);
      CHECK(s.at == Stopped::At::kCallOut);
      CHECK(s.guest.rip == (pending ? before_last : at::kCode + code.size() - 1));
    }
  }
}

TEST_CASE("Code at the edges: page ends, straddling instructions, pages without memory", "[bt]") {
  Twin twin;
  // inc rax ends the page; the next block starts the next one; an instruction across the next boundary.
  twin.put(0x28ffd, {0x48, 0xff, 0xc0, 0x48, 0xff, 0xc3});
  std::vector<uint8_t> filler(0x29ffe - 0x29003, 0x90);
  twin.put(0x29003, filler);
  twin.put(0x29ffe, {0x48, 0xff, 0xc1, kHlt});
  start(twin, 0x28ffd);
  REQUIRE(twin.run());
  CHECK(twin.difference() == "");
  // The second half of the straddling instruction changes, then the first.
  for (const uint64_t place : {uint64_t{0x2a000}, uint64_t{0x29ffe}}) {
    const uint8_t byte = place == 0x2a000 ? 0xc6 : 0x49;  // inc rsi; inc r14
    twin.poke(place, byte);
    twin.translated.engine->page_written(place, 1);
    start(twin, 0x29ff8);
    REQUIRE(twin.run());
    CHECK(twin.difference() == "");
  }
  // Beyond the RAM, at the end of the canonical half, and in no page at all.
  for (const uint64_t rip :
       {kLow + (2 << 20) - 1, uint64_t{0x00007ffffffffffe}, uint64_t{0x8000000000000000}, uint64_t{0x40000000},
        TranslatedMachine::kBase + (2 << 20) + 0x90000, TranslatedMachine::kBase + (1 << 20)}) {
    Twin edge;
    edge.poke((2 << 20) - 1, uint8_t{0x48});
    start(edge, rip);
    INFO(std::hex << rip);
    REQUIRE(edge.run());
    CHECK(edge.difference() == "");
  }
}

TEST_CASE("The monitor's part moves: everything is translated anew", "[bt]") {
  Twin twin;
  twin.put(at::kCode, call_loop(10));
  start(twin, at::kCode);
  REQUIRE(twin.run());
  const uint64_t before = twin.translated.engine->counters().translations;
  twin.translated.engine->move(twin.translated.memory());
  CHECK(twin.translated.engine->cache().count() == 0);
  CHECK(twin.translated.engine->pages_with_translations().empty());
  start(twin, at::kCode);
  REQUIRE(twin.run());
  CHECK(twin.difference() == "");
  CHECK(twin.translated.engine->counters().translations == 2 * before);
}
