#include "tests/unicorn/known_differences.h"

#include <fstream>
#include <sstream>

#include "hwmodel/isa/decoder.h"

namespace ringside::differential {
namespace {

uint64_t flag_bits(const std::string& names) {
  constexpr std::pair<const char*, uint64_t> kFlags[] = {{"CF", 0x1}, {"PF", 0x4}, {"AF", 0x10}, {"ZF", 0x40}, {"SF", 0x80}, {"DF", 0x400}, {"OF", 0x800}};
  uint64_t bits = 0;
  for (const auto& [name, bit] : kFlags)
    if (names.find(name) != std::string::npos) bits |= bit;
  return bits;
}

// One condition on the encoding. An unknown name holds for nothing, so that a typing error shows.
bool holds(const TestCase& test, std::string_view condition) {
  hw::Decoded d;
  if (!hw::decode_instruction(test.bytes, code_size(test.mode), d)) return false;
  const auto& raw = d.insn.raw;
  const auto has_prefix = [&](unsigned first, unsigned last) {
    for (unsigned i = 0; i < raw.prefix_count; ++i)
      if (raw.prefixes[i].value >= first && raw.prefixes[i].value <= last) return true;
    return false;
  };
  if (condition == "rex") return has_prefix(0x40, 0x4f);
  if (condition == "lost_rex") {  // a REX prefix that is not the last prefix
    for (unsigned i = 0; i + 1 < raw.prefix_count; ++i)
      if (raw.prefixes[i].value >= 0x40 && raw.prefixes[i].value <= 0x4f) return true;
    return false;
  }
  if (condition == "66") return has_prefix(0x66, 0x66);
  if (condition == "67") return has_prefix(0x67, 0x67);
  if (condition == "f3") return has_prefix(0xf3, 0xf3);
  if (condition == "cs") return has_prefix(0x2e, 0x2e);
  if (condition == "rex_w") return raw.rex.W;
  if (condition == "rex_r") return raw.rex.R;
  if (condition == "lock") return has_prefix(0xf0, 0xf0);
  if (condition == "old_segment") return has_prefix(0x26, 0x26) || has_prefix(0x2e, 0x2e) || has_prefix(0x36, 0x36) || has_prefix(0x3e, 0x3e);
  if (condition == "reg") return raw.modrm.mod == 3;
  if (condition == "mem") return raw.modrm.mod != 3;
  if (condition == "slash1") return raw.modrm.reg == 1;
  if (condition == "negative_imm") return raw.imm[0].size == 16 && (d.insn.raw.imm[0].value.u & 0x8000);
  if (condition == "rip_relative") return raw.modrm.mod == 0 && raw.modrm.rm == 5 && d.insn.machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
  if (condition == "to_ss") return d.is_reg(0) && d.ops[0].reg.value == ZYDIS_REGISTER_SS;
  if (condition == "far") return d.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  if (condition == "32bit") return d.insn.operand_width == 32;
  if (condition == "16bit") return d.insn.operand_width == 16;
  return false;
}

bool name_matches(std::string_view pattern, std::string_view mnemonic) {
  if (!pattern.empty() && pattern.back() == '*') return mnemonic.substr(0, pattern.size() - 1) == pattern.substr(0, pattern.size() - 1);
  return pattern == mnemonic;
}

bool matches(const KnownDifference& k, const TestCase& test, std::string_view mnemonic) {
  if (k.mode != "*" && k.mode != name_of(test.mode)) return false;
  std::istringstream parts(k.mnemonic);
  std::string part;
  std::getline(parts, part, '+');
  if (!name_matches(part, mnemonic)) return false;
  while (std::getline(parts, part, '+'))
    if (!holds(test, part)) return false;
  return true;
}

}  // namespace

bool KnownDifferences::load(const std::string& path, std::string& error) {
  std::ifstream in(path);
  if (!in) {
    error = "cannot read " + path;
    return false;
  }
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    KnownDifference k;
    std::istringstream words(line);
    words >> k.mode >> k.mnemonic >> k.field;
    std::getline(words >> std::ws, k.reason);
    if (k.reason.empty()) {
      error = path + ": a line without a reason: " + line;
      return false;
    }
    entries_.push_back(k);
  }
  return true;
}

bool KnownDifferences::covers(const TestCase& test, std::string_view mnemonic, std::string_view field) {
  for (KnownDifference& k : entries_) {
    if (!matches(k, test, mnemonic) || (k.field != field && k.field != "all")) continue;
    ++k.used;
    return true;
  }
  return false;
}

uint64_t KnownDifferences::uncompared_flags(const TestCase& test, std::string_view mnemonic) const {
  uint64_t bits = 0;
  for (const KnownDifference& k : entries_)
    if (matches(k, test, mnemonic) && k.field.rfind("flags:", 0) == 0) bits |= flag_bits(k.field.substr(6));
  return bits;
}

}  // namespace ringside::differential
