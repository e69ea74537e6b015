#include "tests/unicorn/compare.h"

#include <fmt/format.h>

#include <cstring>

#include "hwmodel/isa/decoder.h"

namespace ringside::differential {
namespace {

constexpr const char* kGprNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr const char* kSegmentNames[] = {"es", "cs", "ss", "ds", "fs", "gs"};
// CF PF AF ZF SF TF IF DF OF IOPL NT AC; RF and VM are not instructions' results here.
constexpr uint64_t kComparedFlags = 0x47fd5;

// Shifts and rotates whose masked count is zero change no flag, yet Zydis's table cannot know; leaving them out loses little.
uint64_t undefined_flags(const hw::Decoded& d) { return d.insn.cpu_flags ? d.insn.cpu_flags->undefined : 0; }

std::string ending_text(const Outcome& o) {
  switch (o.ending) {
    case Ending::kRetired: return "retired";
    case Ending::kException: return fmt::format("exception {}", o.vector);
    case Ending::kOutside: return "left the test's memory";
    case Ending::kStray: return "stored outside the data window";
  }
  return {};
}

}  // namespace

std::vector<Difference> compare(const TestCase& test, const Outcome& model, const Outcome& reference, std::span<const uint8_t> model_memory,
                                std::span<const uint8_t> reference_memory, uint64_t uncompared_flags) {
  std::vector<Difference> found;
  const auto add = [&](const char* field, const std::string& what, const auto& ours, const auto& theirs) {
    found.push_back({field, fmt::format("{}: model {}, Unicorn {}", what, ours, theirs)});
  };
  if (reference.ending == Ending::kStray) return found;
  if (model.ending != reference.ending || (model.ending == Ending::kException && model.vector != reference.vector)) {
    add("ending", "ending", ending_text(model), ending_text(reference));
    return found;
  }
  if (model.ending != Ending::kRetired) return found;

  hw::Decoded d;
  hw::decode_instruction(test.bytes, code_size(test.mode), d);
  const uint64_t mask = test.mode == Mode::kLong64 ? ~0ull : 0xffffffffull;
  const auto hex = [](uint64_t v) { return fmt::format("{:#x}", v); };
  for (unsigned r = 0; r < (test.mode == Mode::kLong64 ? 16u : 8u); ++r)
    if ((model.after.gpr[r] ^ reference.after.gpr[r]) & mask) add("gpr", kGprNames[r], hex(model.after.gpr[r] & mask), hex(reference.after.gpr[r] & mask));
  if ((model.after.rip ^ reference.after.rip) & mask) add("rip", "rip", hex(model.after.rip), hex(reference.after.rip));
  const uint64_t flags = kComparedFlags & ~undefined_flags(d) & ~uncompared_flags;
  if ((model.after.rflags ^ reference.after.rflags) & flags)
    add("flags", fmt::format("flags (mask {:#x})", flags), hex(model.after.rflags & flags), hex(reference.after.rflags & flags));
  if (model.after.cr0 != reference.after.cr0) add("cr0", "cr0", hex(model.after.cr0), hex(reference.after.cr0));
  if ((model.after.cr2 ^ reference.after.cr2) & mask) add("cr2", "cr2", hex(model.after.cr2), hex(reference.after.cr2));
  for (unsigned s = 0; s < 6; ++s)
    if (model.after.selector[s] != reference.after.selector[s]) add("selectors", kSegmentNames[s], hex(model.after.selector[s]), hex(reference.after.selector[s]));
  for (uint64_t at = layout::kWindow; at < layout::kWindow + layout::kWindowBytes; at += 8) {
    uint64_t ours, theirs;
    std::memcpy(&ours, model_memory.data() + at, 8);
    std::memcpy(&theirs, reference_memory.data() + at, 8);
    if (ours != theirs) {
      add("memory", fmt::format("memory at {:#x}", at), hex(ours), hex(theirs));
      break;
    }
  }
  return found;
}

std::string mnemonic_of(const TestCase& test) {
  hw::Decoded d;
  if (!hw::decode_instruction(test.bytes, code_size(test.mode), d)) return "(bad)";
  return ZydisMnemonicGetString(d.insn.mnemonic);
}

std::string describe(const TestCase& test) {
  std::string bytes;
  for (unsigned i = 0; i < test.length; ++i) bytes += fmt::format("{:02x} ", test.bytes[i]);
  unsigned length = 0;
  std::string text = fmt::format("{} {:#x}: {}  {}\n  before:", name_of(test.mode), test.address, bytes,
                                 hw::disassemble(test.bytes, code_size(test.mode), test.address, length));
  for (unsigned r = 0; r < (test.mode == Mode::kLong64 ? 16u : 8u); ++r) text += fmt::format(" {}={:x}", kGprNames[r], test.before.gpr[r]);
  return text + fmt::format(" flags={:x} window={:x}\n", test.before.rflags, test.window_seed);
}

}  // namespace ringside::differential
