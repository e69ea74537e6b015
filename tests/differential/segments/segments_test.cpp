// Random protected-mode segmentation on the model and on Unicorn: segment loads, far transfers, call gates, IRET, descriptor queries, POPF.
// Each case starts with an IRETD to a random ring; then one instruction runs on random descriptors, selectors and stack frames.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "hwmodel/exec/testing/small_machine.h"
#include "tests/catch.h"
#include "tests/differential/segments/unicorn_cpu.h"

namespace ringside::hw::testing {
namespace {

constexpr uint32_t kRam = 0x20000;
constexpr uint16_t kFirstSpare = 0xb0, kLastSpare = 0x1f8, kGdtLimit = 0x1ff;

// Thousands in every run; RINGSIDE_DIFFERENTIAL_COUNT and _SEED make it more, and others.
unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoul(text, nullptr, 0) : otherwise;
}

struct Case {
  unsigned cpl = 0;
  std::vector<uint8_t> code;
  uint32_t gpr[8] = {};
  std::vector<uint8_t> ram;
  uint32_t eflags = 2;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Case next(const SmallMachine& ground) {
    Case c;
    c.ram.assign(ground.ram.host(GuestPhysical(0)), ground.ram.host(GuestPhysical(0)) + kRam);
    c.cpl = one_of({0u, 0u, 1u, 3u, 3u});
    for (uint32_t& r : c.gpr) r = static_cast<uint32_t>(random_());
    for (uint16_t s = kFirstSpare; s <= kLastSpare; s += 8) put64(c, at::kGdt + s, random_descriptor());
    for (uint16_t s = 0; s < 0x80; s += 8) put64(c, at::kLdt + s, random_descriptor());
    c.eflags = 2 | (static_cast<uint32_t>(random_()) & (0x8d5 | rflags::kIopl | rflags::kDf | rflags::kIf | rflags::kAc | rflags::kId));
    make_instruction(c);
    return c;
  }

  template <class T>
  T one_of(std::initializer_list<T> list) { return list.begin()[random_() % list.size()]; }

 private:
  uint16_t selector() {
    switch (random_() % 10) {
      case 0: return static_cast<uint16_t>(random_() & 3);
      case 1: return static_cast<uint16_t>(random_());
      case 2: return static_cast<uint16_t>((random_() & 0x7b) | 4);   // LDT
      case 3: return one_of<uint16_t>({sel::kCode32, sel::kUserCode32, sel::kUserData, sel::kData, sel::kConforming, sel::kCode1, sel::kData1});
      default: return static_cast<uint16_t>((kFirstSpare + 8 * (random_() % ((kLastSpare - kFirstSpare) / 8 + 1))) | (random_() & 3));
    }
  }
  uint64_t random_descriptor() {
    uint8_t rights = static_cast<uint8_t>(random_());
    if (random_() % 8) rights |= 0x80;
    if (random_() % 4 == 0) {
      // A call gate; its target is some code segment or anything.
      const uint8_t type = one_of<uint8_t>({0x4, 0xc});
      return gate(selector(), static_cast<uint32_t>(0x8000 + (random_() & 0xfff)), static_cast<uint8_t>((rights & 0xe0) | type), random_() & 7);
    }
    if (random_() % 8) rights |= 0x10;
    if (!(rights & 0x10)) rights = static_cast<uint8_t>((rights & 0xf0) | one_of<uint8_t>({0, 2, 8, 10, 13}));   // no tasks, no gates
    const uint32_t limit = random_() % 3 ? 0xfffff : static_cast<uint32_t>(random_() & 0xffff);
    const uint32_t base = random_() % 3 ? 0 : static_cast<uint32_t>(random_() & 0x3fff);
    return descriptor(base, limit, rights, static_cast<uint8_t>(random_() % 4 == 0 ? 0x8 : 0xc));
  }
  static void put32(Case& c, uint64_t address, uint32_t value) { std::memcpy(&c.ram[address], &value, 4); }
  static void put64(Case& c, uint64_t address, uint64_t value) { std::memcpy(&c.ram[address], &value, 8); }

  // What a far return finds on the stack: offset, selector, then flags or not, then an outer stack.
  void make_frame(Case& c, uint64_t top, unsigned size, bool flags) {
    std::vector<uint32_t> slots{static_cast<uint32_t>(0x8000 + (random_() & 0x1fff)), selector()};
    // Unicorn's IRET never loads VIF and VIP; the manual's does at CPL 0.
    constexpr uint32_t kKeptOut = rflags::kTf | rflags::kVm | rflags::kNt | rflags::kRf | rflags::kVif | rflags::kVip;
    if (flags) slots.push_back(static_cast<uint32_t>(random_()) & ~kKeptOut);
    slots.push_back(static_cast<uint32_t>(at::kUserStack - (random_() & 0xff)));
    slots.push_back(selector());
    for (const uint32_t s : slots) {
      std::memcpy(&c.ram[top], &s, size);
      top += size;
    }
  }

  void make_instruction(Case& c) {
    const bool narrow = random_() % 4 == 0;
    const unsigned size = narrow ? 2 : 4;
    if (narrow) c.code.push_back(0x66);
    const auto add = [&](std::initializer_list<unsigned> bytes) { for (const unsigned b : bytes) c.code.push_back(static_cast<uint8_t>(b)); };
    const uint64_t top = at::kUserStack - 0x80;   // where the test's stack pointer is, in every ring
    const uint16_t s = selector();
    c.gpr[kRbx] = at::kData;
    switch (random_() % 13) {
      case 0: case 1: c.gpr[kRax] = s; add({0x8e, 0xc0 | one_of({0u, 2u, 3u, 4u, 5u}) << 3}); break;
      case 2: put32(c, top, s); add({one_of({0x07u, 0x17u, 0x1fu})}); break;
      case 3: put32(c, top, s); add({0x0f, one_of({0xa1u, 0xa9u})}); break;
      case 4: {
        put32(c, at::kData, static_cast<uint32_t>(random_()));
        std::memcpy(&c.ram[at::kData + size], &s, 2);
        const unsigned opcode = one_of({0xc4u, 0xc5u, 0x0fb2u, 0x0fb4u, 0x0fb5u});
        add({0x36});   // through SS: Unicorn does not notice that DS is null
        if (opcode > 0xff) add({0x0f});
        add({opcode & 0xff, 0x03});
        break;
      }
      case 5: case 6: {
        const uint32_t offset = static_cast<uint32_t>(0x8000 + (random_() & 0x1fff));
        add({one_of({0xeau, 0x9au}), offset & 0xff, offset >> 8});
        if (!narrow) add({0, 0});
        add({s & 0xffu, static_cast<unsigned>(s >> 8)});
        break;
      }
      case 7: make_frame(c, top, size, false); add({0xcb}); break;
      case 8: make_frame(c, top, size, true); add({0xcf}); break;
      case 9: c.gpr[kRcx] = s; add({0x0f, one_of({2u, 3u}), 0xc1}); break;
      case 10: c.gpr[kRcx] = s; add({0x0f, 0x00, one_of({0xe1u, 0xe9u})}); break;
      case 11: c.gpr[kRcx] = s; c.gpr[kRax] = selector(); add({0x63, 0xc8}); break;
      default:
        put32(c, top, static_cast<uint32_t>(random_()) & ~static_cast<uint32_t>(rflags::kTf));
        add({one_of({0x9du, 0x9cu, 0x0eu, 0x06u, 0x1eu})});
        break;
    }
  }

  std::mt19937_64 random_;
};

// The IRETD that leads to the ring, its frame and the instruction.
void place(Case& c) {
  const uint16_t cs = c.cpl == 0 ? sel::kCode32 : c.cpl == 1 ? sel::kCode1 : sel::kUserCode32;
  const uint16_t ss = c.cpl == 0 ? sel::kData : c.cpl == 1 ? sel::kData1 : sel::kUserData;
  const uint32_t frame[] = {at::kUserCode, cs, c.eflags, at::kUserStack - 0x80, ss};
  uint64_t esp = at::kStack - 0x40;
  if (c.cpl == 0) esp = at::kUserStack - 0x80 - 12;   // a return within ring 0 pops no stack pointer
  std::memcpy(&c.ram[esp], frame, c.cpl == 0 ? 12 : 20);
  c.gpr[kRsp] = static_cast<uint32_t>(esp);
  c.ram[at::kCode] = 0xcf;
  std::copy(c.code.begin(), c.code.end(), c.ram.begin() + at::kUserCode);
  for (const uint16_t used : {cs, ss, sel::kCode32, sel::kData}) c.ram[at::kGdt + (used & ~7) + 5] |= 1;   // Unicorn sets it late or never
}

Visible run_model(SmallMachine& m, const Case& c) {
  std::memcpy(m.ram.host(GuestPhysical(0)), c.ram.data(), kRam);
  m.code.clear();
  m.cpu.gdtr = {at::kGdt, kGdtLimit};
  m.cpu.ldtr = {.base = at::kLdt, .limit = 0x7f, .selector = sel::kLdt, .rights = 0x82};
  for (unsigned i = 0; i < 8; ++i) m.cpu.gpr[i] = c.gpr[i];
  m.cpu.rip = at::kCode;
  m.cpu.set_rflags(2);
  REQUIRE(m.step_once());
  m.step_once();
  Visible v;
  if (m.cpu.counters.exceptions) {
    v.exception = m.handler();
    return v;
  }
  for (unsigned i = 0; i < 8; ++i) v.gpr[i] = static_cast<uint32_t>(m.cpu.gpr[i]);
  for (unsigned i = 0; i < 6; ++i) v.segment[i] = m.cpu.segment[i].selector;
  v.eip = static_cast<uint32_t>(m.cpu.rip);
  v.eflags = static_cast<uint32_t>(m.cpu.rflags());
  v.base_of_fs = static_cast<uint32_t>(m.cpu.segment[kFs].base);
  v.base_of_gs = static_cast<uint32_t>(m.cpu.segment[kGs].base);
  return v;
}

// Unicorn (QEMU 5) leaves the accessed bit of code segments alone in far transfers; segmentation_test.cpp checks it where it counts.
void forget_accessed(std::vector<uint8_t>& ram) {
  for (uint32_t d = 0; d <= kGdtLimit; d += 8) ram[at::kGdt + d + 5] |= 1;
  for (uint32_t d = 0; d < 0x80; d += 8) ram[at::kLdt + d + 5] |= 1;
}

// Unicorn reports EIP with the base of CS added where it has just changed.
bool same_eip(const SmallMachine& m, const Visible& ours, const Visible& theirs) {
  return theirs.eip == ours.eip || theirs.eip == ours.eip + static_cast<uint32_t>(m.cpu.segment[kCs].base);
}
// Through a call gate to conforming code Unicorn puts the segment's DPL into CS; the manual says CPL [SDM 2A 3.2 CALL].
bool same_segments(const SmallMachine& m, const Visible& ours, const Visible& theirs) {
  for (unsigned i = 0; i < 6; ++i) {
    const unsigned difference = ours.segment[i] ^ theirs.segment[i];
    const bool conforming = i == kCs && (m.cpu.segment[kCs].type() & 12) == 12;
    if (difference & (conforming ? ~3u : ~0u)) return false;
  }
  return true;
}

// Not-present exceptions where Unicorn departs from the manual's operation sections:
// JMP through a call gate to an absent segment is #NP [SDM 2A 3.2 JMP], Unicorn raises #GP;
// RET and IRET to an outer ring whose stack segment is absent are #SS [SDM 2B 4.3 RET, 2A 3.2 IRET], Unicorn raises #NP.
bool known_difference(const Case& c, const Visible& ours, const Visible& theirs) {
  const uint8_t opcode = c.code[c.code[0] == 0x66];
  if (opcode == 0xea) return ours.exception == 11 && theirs.exception == 13;
  if (opcode == 0xcb || opcode == 0xcf) return ours.exception == 12 && theirs.exception == 11;
  return false;
}

std::string bytes_of(const Case& c) {
  std::string text;
  for (const uint8_t b : c.code) text += "0123456789abcdef"[b >> 4], text += "0123456789abcdef"[b & 15], text += ' ';
  return text;
}

TEST_CASE("segmentation agrees with Unicorn", "[differential]") {
  const SmallMachine ground(Mode::kProtected);
  UnicornCpu unicorn(kRam);
  const unsigned long cases = from_environment("RINGSIDE_DIFFERENTIAL_COUNT", 6'000);
  Generator generator(from_environment("RINGSIDE_DIFFERENTIAL_SEED", 1));
  unsigned long retired = 0, faulted = 0, wrong = 0;
  for (unsigned long i = 0; i < cases && wrong < 20; ++i) {
    Case c = generator.next(ground);
    place(c);
    SmallMachine m(Mode::kProtected);
    const Visible ours = run_model(m, c);
    const Visible theirs = unicorn.run(c.ram, {at::kGdt, at::kTss, at::kLdt, kGdtLimit, 0x1000, 0x7f, sel::kTss, sel::kLdt, sel::kCode32, sel::kData}, c.gpr, at::kCode, 2);
    INFO("case " << i << " cpl " << c.cpl << " code " << bytes_of(c) << " eax " << std::hex << c.gpr[0] << " ecx " << c.gpr[1]);
    ++(ours.exception < 0 ? retired : faulted);
    if (ours.exception != theirs.exception && !known_difference(c, ours, theirs)) {
      ++wrong;
      UNSCOPED_INFO("ours " << ours.exception << " theirs " << theirs.exception << ' ' << theirs.failure << std::hex << " at " << theirs.eip);
      FAIL_CHECK("different exception");
      continue;
    }
    if (ours.exception >= 0) continue;
    const bool same = std::equal(ours.gpr, ours.gpr + 8, theirs.gpr) && same_segments(m, ours, theirs) && same_eip(m, ours, theirs) &&
                      ours.eflags == theirs.eflags;
    if (!same) {
      ++wrong;
      UNSCOPED_INFO(std::hex << "eip " << ours.eip << '/' << theirs.eip << " flags " << ours.eflags << '/' << theirs.eflags);
      for (unsigned r = 0; r < 8; ++r) UNSCOPED_INFO(std::hex << "gpr " << r << ' ' << ours.gpr[r] << '/' << theirs.gpr[r]);
      for (unsigned r = 0; r < 6; ++r) UNSCOPED_INFO(std::hex << "seg " << r << ' ' << ours.segment[r] << '/' << theirs.segment[r]);
      FAIL_CHECK("different registers");
    }
    std::vector<uint8_t> mine(m.ram.host(GuestPhysical(0)), m.ram.host(GuestPhysical(0)) + kRam), other = unicorn.ram();
    forget_accessed(mine);
    forget_accessed(other);
    if (mine != other) {
      ++wrong;
      for (uint32_t a = 0; a < kRam; ++a) {
        if (mine[a] != other[a]) UNSCOPED_INFO(std::hex << a << ": " << unsigned{mine[a]} << '/' << unsigned{other[a]});
      }
      FAIL_CHECK("different memory");
    }
  }
  CHECK(retired > cases / 5);
  CHECK(faulted > cases / 5);
}

}  // namespace
}  // namespace ringside::hw::testing
