// Sensitive unprivileged instructions as built, strict and observed, one example or more of each row of the instruction table; the table held
// against the published list (isa/testdata). Invariants E16 (UMIP's set) and E17 (Popek and Goldberg's condition).
#include "hwmodel/exec/sensitive_gate.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "hwmodel/exec/testing/small_machine.h"
#include "hwmodel/isa/decoder.h"
#include "hwmodel/isa/instruction_table.h"
#include "hwmodel/vmx/non_root.h"
#include "tests/catch.h"

namespace ringside::hw::testing {
namespace {

// What an example finds on its stack, top first, or at the address in RAX.
enum class Ground : uint8_t { kNothing, kSelectorOnStack, kFarReturn, kInterruptReturn, kFarCode, kFarData };

struct Example {
  const char* listed;   // its name in the published list, or null: found here
  Mode mode;            // kLong: 64-bit code
  std::vector<uint8_t> bytes;
  Ground ground = Ground::kNothing;
  unsigned width = 8;   // bytes of a stack word
};

constexpr auto k32 = Mode::kProtected, k64 = Mode::kLong;
constexpr uint64_t kTarget = at::kUserCode + 0x40;

const std::vector<Example>& examples() {
  using enum Ground;
  static const std::vector<Example> all{
      {"SGDT", k64, {0x0f, 0x01, 0x00}},
      {"SIDT", k64, {0x0f, 0x01, 0x08}},
      {"SLDT", k64, {0x0f, 0x00, 0xc0}},
      {"STR", k64, {0x0f, 0x00, 0xc8}},
      {"SMSW", k64, {0x0f, 0x01, 0xe0}},
      {"SMSW", k32, {0x0f, 0x01, 0x20}},   // to memory
      {"PUSHF", k64, {0x9c}},
      {"PUSHF", k64, {0x66, 0x9c}},
      {"PUSHF", k32, {0x9c}},
      {"POPF", k64, {0x9d}},
      {"POPF", k64, {0x66, 0x9d}},
      {"POPF", k32, {0x9d}},
      {"LAR", k64, {0x0f, 0x02, 0xc1}},
      {"LSL", k64, {0x0f, 0x03, 0xc1}},
      {"VERR", k64, {0x0f, 0x00, 0xe1}},
      {"VERW", k64, {0x0f, 0x00, 0xe9}},
      {"POP", k64, {0x0f, 0xa1}, kSelectorOnStack},   // FS
      {"POP", k64, {0x0f, 0xa9}, kSelectorOnStack},   // GS
      {"POP", k32, {0x1f}, kSelectorOnStack, 4},      // DS
      {"POP", k32, {0x17}, kSelectorOnStack, 4},      // SS
      {"PUSH", k64, {0x0f, 0xa0}},
      {"PUSH", k32, {0x0e}},                          // CS
      {"PUSH", k32, {0x16}},                          // SS
      {"CALL", k64, {0xff, 0x18}, kFarCode},
      {"CALL", k32, {0x9a, kTarget & 0xff, kTarget >> 8, 0, 0, sel::kUserCode32, 0}},
      {"JMP", k64, {0xff, 0x28}, kFarCode},
      {"JMP", k32, {0xea, kTarget & 0xff, kTarget >> 8, 0, 0, sel::kUserCode32, 0}},
      {"INT n", k64, {0xcd, 0x80}},
      {"RET", k64, {0x48, 0xcb}, kFarReturn},
      {"RET", k32, {0xca, 0x04, 0x00}, kFarReturn, 4},
      {"MOV", k64, {0x8c, 0xd8}},                     // eax, ds
      {"MOV", k64, {0x8c, 0x18}},                     // [rax], ds
      {"MOV", k64, {0x8e, 0xd9}},                     // ds, ecx
      {"MOV", k64, {0x8e, 0xd1}},                     // ss, ecx
      {nullptr, k64, {0xcc}},
      {nullptr, k32, {0xce}},                         // INTO, with OF clear
      {nullptr, k64, {0x48, 0xcf}, kInterruptReturn},
      {nullptr, k32, {0xcf}, kInterruptReturn, 4},
      {nullptr, k32, {0x66, 0xcf}, kInterruptReturn, 2},
      {nullptr, k64, {0x0f, 0xb4, 0x18}, kFarData},   // LFS
      {nullptr, k64, {0x0f, 0xb5, 0x18}, kFarData},   // LGS
      {nullptr, k64, {0x0f, 0xb2, 0x18}, kFarData},   // LSS
      {nullptr, k32, {0xc5, 0x18}, kFarData},         // LDS
      {nullptr, k32, {0xc4, 0x18}, kFarData},         // LES
      {nullptr, k64, {0x0f, 0xa2}},                   // CPUID
      {nullptr, k64, {0xf3, 0x0f, 0xc7, 0xf8}},       // RDPID
  };
  return all;
}

const InstructionInfo& row_of(const Example& e) {
  Decoded d;
  REQUIRE(decode_instruction(e.bytes, e.mode == k64 ? 64 : 32, d));
  Uop uop;
  for (const InstructionInfo* row : instruction_rows(d.insn.mnemonic)) {
    if (row->bind(d, uop)) return *row;
  }
  FAIL("no row takes the form");
  std::abort();
}

std::string name_of(const Example& e) { return std::string(ZydisMnemonicGetString(row_of(e).mnemonic)) + (e.mode == k64 ? " (64)" : " (32)"); }

struct Noticed : Observer {
  std::vector<std::pair<const InstructionInfo*, uint64_t>> seen;
  void on_sensitive(const InstructionInfo& row, uint64_t rip, unsigned cpl) override {
    CHECK(cpl == 3);
    seen.emplace_back(&row, rip);
  }
};

// The example about to run, at CPL 0 or 3.
struct Scene : SmallMachine {
  const Example& example;
  Noticed noticed;
  unsigned cpl;

  Scene(const Example& e, SensitiveTraps traps, unsigned wanted) : SmallMachine(e.mode), example(e), cpl(wanted) {
    if (cpl == 3) enter_user();
    cpu.observer = &noticed;
    cpu.sensitive_traps = traps;
    cpu.mode_changed();
    cpu.gpr[kRax] = at::kData;
    cpu.gpr[kRcx] = data();
    lay_ground();
  }
  uint16_t code() const { return cpl == 0 ? (mode == k64 ? sel::kCode64 : sel::kCode32) : (mode == k64 ? sel::kUserCode64 : sel::kUserCode32); }
  uint16_t data() const { return cpl == 0 ? sel::kData : sel::kUserData; }
  void push_word(uint64_t value) {
    const unsigned width = example.width;
    cpu.gpr[kRsp] -= width;
    for (unsigned i = 0; i < width; ++i) poke(cpu.gpr[kRsp] + i, static_cast<uint8_t>(value >> 8 * i));
  }
  void lay_ground() {
    const uint64_t rsp = cpu.gpr[kRsp];
    switch (example.ground) {
      case Ground::kNothing: break;
      case Ground::kSelectorOnStack: push_word(data()); break;
      case Ground::kFarReturn: push_word(code()), push_word(kTarget); break;
      case Ground::kInterruptReturn:
        if (mode == k64) push_word(data()), push_word(rsp);
        push_word(2), push_word(code()), push_word(kTarget);
        break;
      case Ground::kFarCode: poke(at::kData, static_cast<uint32_t>(kTarget)), poke(at::kData + 4, code()); break;
      case Ground::kFarData: poke(at::kData, uint32_t{0x1234}), poke(at::kData + 4, data()); break;
    }
  }
  // Runs it. True: #GP(0) at the instruction, and nothing else happened.
  bool traps() {
    const CpuState before = cpu;
    const uint64_t rip = linear_rip(), at_stack = before.gpr[kRsp];
    for (size_t i = 0; i < example.bytes.size(); ++i) poke(rip + i, example.bytes[i]);
    step_once();
    return handler() == 13 && stack(0) == 0 && stack(1) == rip && stack(4 - (cpl == 0 && mode == k32 ? 1 : 0)) != 0 &&
           (cpl == 0 || stack(4) == at_stack) && cpu.gpr[kRax] == before.gpr[kRax] && cpu.gpr[kRbx] == before.gpr[kRbx];
  }
};

// What is left to see after an instruction.
bool same(const CpuState& a, const CpuState& b) {
  return a.gpr == b.gpr && a.rip == b.rip && a.rflags() == b.rflags() && a.cpl == b.cpl &&
         std::equal(std::begin(a.segment), std::end(a.segment), std::begin(b.segment),
                    [](const Segment& x, const Segment& y) { return x.selector == y.selector && x.base == y.base && x.rights == y.rights; });
}

// The published list: instruction and whether UMIP makes it fault.
std::vector<std::pair<std::string, bool>> published() {
  std::ifstream in(std::string(RINGSIDE_SOURCE_DIR) + "/hwmodel/isa/testdata/sensitive_unprivileged_pentium.csv");
  std::vector<std::pair<std::string, bool>> rows;
  std::string line;
  std::getline(in, line);  // titles
  while (std::getline(in, line)) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      else if (c == ',' && !quoted) cells.emplace_back();
      else cells.back() += c;
    }
    REQUIRE(cells.size() == 6);
    rows.emplace_back(cells[0], cells[3] == "yes");
  }
  return rows;
}

}  // namespace

TEST_CASE("every sensitive unprivileged row of the table has an example here, and only those", "[sensitive]") {
  std::set<const InstructionInfo*> with_example, wanted;
  for (const Example& e : examples()) with_example.insert(&row_of(e));
  for (const InstructionInfo* row : all_instructions()) {
    if (unprivileged_sensitive(*row)) wanted.insert(row);
  }
  for (const InstructionInfo* row : wanted) {
    if (!with_example.contains(row)) FAIL_CHECK("no example: " << ZydisMnemonicGetString(row->mnemonic) << ", " << row->section);
    CHECK(why_sensitive(*row) != "reads or changes privileged state without a trap");
  }
  for (const InstructionInfo* row : with_example) {
    if (!wanted.contains(row)) FAIL_CHECK("not sensitive in the table: " << ZydisMnemonicGetString(row->mnemonic) << ", " << row->section);
  }
}

TEST_CASE("E16: UMIP's set is SGDT SIDT SLDT SMSW STR, #GP at CPL > 0 only with CR4.UMIP", "[sensitive][invariants]") {
  std::set<std::string> faulting;
  for (const Example& e : examples()) {
    for (const unsigned cpl : {0u, 3u}) {
      for (const bool umip : {false, true}) {
        Scene scene(e, SensitiveTraps::kAsBuilt, cpl);
        if (umip) scene.cpu.cr4 |= cr4::kUmip;
        const bool traps = scene.traps();
        CAPTURE(name_of(e), cpl, umip);
        CHECK(traps == (umip && cpl == 3 && row_of(e).privilege == Privilege::kUmip));
        if (traps) faulting.insert(e.listed ? e.listed : "");
      }
    }
  }
  std::set<std::string> expected;
  for (const auto& [name, umip] : published()) {
    if (umip) expected.insert(name);
  }
  CHECK(faulting == std::set<std::string>{"SGDT", "SIDT", "SLDT", "SMSW", "STR"});
  CHECK(faulting == expected);
}

TEST_CASE("E17: as built, sensitive instructions run without a trap; strict, all of them trap", "[sensitive][invariants]") {
  // The published list is what runs unnoticed as built, with what was found besides.
  std::set<std::string> unnoticed, listed;
  std::set<std::string> found;
  for (const Example& e : examples()) {
    CAPTURE(name_of(e));
    Scene as_built(e, SensitiveTraps::kAsBuilt, 3);
    CHECK_FALSE(as_built.traps());
    CHECK(as_built.handler() != 13);
    CHECK(as_built.noticed.seen.empty());
    Scene strict(e, SensitiveTraps::kStrict, 3);
    CHECK(strict.traps());
    CHECK(strict.cpu.cpl == 0);
    CHECK(strict.noticed.seen.empty());
    e.listed ? unnoticed.insert(e.listed) : found.insert(ZydisMnemonicGetString(row_of(e).mnemonic));
  }
  for (const auto& [name, umip] : published()) listed.insert(name);
  CHECK(listed.size() == 18);
  CHECK(unnoticed == listed);
  CHECK(found == std::set<std::string>{"int3", "into", "iret", "iretd", "iretq", "lds", "les", "lfs", "lgs", "lss", "cpuid", "rdpid"});
}

TEST_CASE("strict changes nothing at CPL 0, and leaves innocuous instructions alone at CPL 3", "[sensitive]") {
  for (const Example& e : examples()) {
    Scene as_built(e, SensitiveTraps::kAsBuilt, 0), strict(e, SensitiveTraps::kStrict, 0);
    CAPTURE(name_of(e));
    CHECK_FALSE(as_built.traps());
    CHECK_FALSE(strict.traps());
    CHECK(same(as_built.cpu, strict.cpu));
  }
  using Bytes = std::initializer_list<uint8_t>;
  // push rax, pop rax, mov ecx eax, ret, call, jmp, lahf, rdfsbase: relatives of the sensitive ones.
  for (const Bytes& bytes : {Bytes{0x50}, {0x58}, {0x89, 0xc1}, {0xc3}, {0xe8, 0, 0, 0, 0}, {0xeb, 0x00}, {0x9f}, {0xf3, 0x48, 0x0f, 0xae, 0xc0}}) {
    SmallMachine m(Mode::kLong);
    m.cpu.cr4 |= cr4::kFsgsbase;
    m.enter_user();
    m.cpu.sensitive_traps = SensitiveTraps::kStrict;
    m.cpu.mode_changed();
    m.cpu.gpr[kRsp] -= 8;
    m.poke(m.cpu.gpr[kRsp], kTarget);
    CAPTURE(unsigned{*bytes.begin()});
    CHECK(m.run(bytes));
  }
}

TEST_CASE("observed, a sensitive instruction runs as built and is told with its address", "[sensitive]") {
  for (const Example& e : examples()) {
    Scene as_built(e, SensitiveTraps::kAsBuilt, 3), observed(e, SensitiveTraps::kObserve, 3);
    const uint64_t rip = observed.cpu.rip;
    CAPTURE(name_of(e));
    CHECK_FALSE(as_built.traps());
    CHECK_FALSE(observed.traps());
    CHECK(same(as_built.cpu, observed.cpu));
    REQUIRE(observed.noticed.seen.size() == 1);
    CHECK(observed.noticed.seen[0].first == &row_of(e));
    CHECK(observed.noticed.seen[0].second == rip);
    Scene at_cpl0(e, SensitiveTraps::kObserve, 0);
    at_cpl0.traps();
    CHECK(at_cpl0.noticed.seen.empty());
  }
}

TEST_CASE("a kernel at CPL 1 is deprivileged too", "[sensitive]") {
  for (const auto traps : {SensitiveTraps::kAsBuilt, SensitiveTraps::kStrict}) {
    SmallMachine m(Mode::kProtected);
    m.enter(sel::kCode1, sel::kData1, at::kUserCode, at::kRing1Stack);
    m.cpu.sensitive_traps = traps;
    m.cpu.mode_changed();
    CHECK(m.run({0x9c}) == (traps == SensitiveTraps::kAsBuilt));   // pushf
    CHECK(m.handler() == (traps == SensitiveTraps::kAsBuilt ? -1 : 13));
  }
}

TEST_CASE("code decoded under one setting is not run under another", "[sensitive]") {
  SmallMachine m(Mode::kLong);
  m.enter_user();
  m.put(at::kUserCode, {0x9c, 0x58, 0xeb, 0xfc});   // again: pushfq; pop rax; jmp again
  const auto run_on = [&] {
    m.cpu.deadline = m.cpu.counters.instructions + 30;
    hw::run(m.cpu);
    return m.cpu.counters.exceptions;
  };
  CHECK(run_on() == 0);
  m.cpu.sensitive_traps = SensitiveTraps::kStrict;
  m.cpu.mode_changed();
  m.put(at::kHandlers + 16 * 13, {0x48, 0x83, 0xc4, 0x08, 0x48, 0xff, 0x04, 0x24, 0x48, 0xcf});   // add rsp, 8; inc qword [rsp]; iretq
  CHECK(run_on() > 0);
  const uint64_t trapped = m.cpu.counters.exceptions;
  m.cpu.sensitive_traps = SensitiveTraps::kAsBuilt;
  m.cpu.mode_changed();
  run_on();
  CHECK(m.cpu.counters.exceptions <= trapped + 1);   // one may have been on its way
}

TEST_CASE("in non-root mode the trap comes before the exit, as every fault of privilege does", "[sensitive]") {
  for (const auto traps : {SensitiveTraps::kAsBuilt, SensitiveTraps::kObserve, SensitiveTraps::kStrict}) {
    SmallMachine m(Mode::kLong);
    Noticed noticed;
    m.cpu.cr0 |= cr0::kNe;
    m.cpu.ldtr.rights = access_rights::kUnusable;
    m.enter_user();
    m.put(at::kUserCode, {0x0f, 0xa2});   // cpuid
    m.cpu.observer = &noticed;
    m.cpu.sensitive_traps = traps;
    vmx::ControlBlock block;
    block.entry_controls = vmx::entry::kIa32eModeGuest;
    block.cr0_shadow = m.cpu.cr0;
    block.cr4_shadow = m.cpu.cr4;
    block.exception_bitmap = 1u << 13;
    REQUIRE_FALSE(vmx::enter(m.cpu, block));
    m.cpu.deadline = m.cpu.counters.instructions + 10;
    hw::run(m.cpu);
    vmx::leave(m.cpu);
    CHECK(block.exit_reason == (traps == SensitiveTraps::kStrict ? vmx::ExitReason::kExceptionOrNmi : vmx::ExitReason::kCpuid));
    CHECK(m.cpu.rip == at::kUserCode);
    CHECK(noticed.seen.size() == (traps == SensitiveTraps::kObserve ? 1 : 0));
  }
}

TEST_CASE("in virtual-8086 mode what does not exist there stays undefined, the rest traps", "[sensitive]") {
  SmallMachine m(Mode::kProtected);
  m.cpu.sensitive_traps = SensitiveTraps::kStrict;
  m.enter_v86();
  m.run({0x0f, 0x02, 0xc1});   // lar
  CHECK(m.handler() == 6);
  SmallMachine s(Mode::kProtected);
  s.cpu.sensitive_traps = SensitiveTraps::kStrict;
  s.enter_v86();
  s.run({0x0f, 0x01, 0xe0});   // smsw ax
  CHECK(s.handler() == 13);
}

}  // namespace ringside::hw::testing
