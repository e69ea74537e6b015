#include "tests/differential/native/differences.h"

#include <cpuid.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ringside::differential {
namespace {

constexpr uint64_t kCf = 1, kPf = 4, kAf = 16, kZf = 64, kSf = 128, kOf = 2048;

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '|');) out.push_back(field);
  return out;
}

bool matches(const std::string& pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  return pattern == name;
}
bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return matches(p, name); });
}

enum class Vendor { kIntel, kAmd, kOther };
Vendor vendor() {
  unsigned a, b, c, d;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return Vendor::kOther;
  if (b == signature_INTEL_ebx) return Vendor::kIntel;
  return b == signature_AMD_ebx ? Vendor::kAmd : Vendor::kOther;
}

// The count of a shift or rotate: its last explicit operand (1 where there is none), masked as the CPU masks it.
uint64_t shift_count(const hw::Decoded& d, const Case& c) {
  const unsigned last = d.insn.operand_count_visible - 1u;
  const uint64_t raw = last == 0 ? 1 : operand_value(d, last, c);
  return raw & (d.size(0) == 8 ? 63 : 31);
}

bool has_repeat_prefix(const hw::Decoded& d) {
  for (unsigned i = 0; i < d.insn.raw.prefix_count; ++i) {
    if (d.insn.raw.prefixes[i].value == 0xf2 || d.insn.raw.prefixes[i].value == 0xf3) return true;
  }
  return false;
}

// ST(0) of F2XM1 beyond one, of FYL2XP1 beyond 1 - sqrt(2)/2 (here: at least 1/4) in magnitude [SDM 2A 3.2].
bool outside_documented_range(const hw::Decoded& d, const X87Slot& st0) {
  const unsigned exponent = st0.sign_exponent & 0x7fff;
  if (d.insn.mnemonic == ZYDIS_MNEMONIC_FYL2XP1) return exponent >= 0x3ffd;
  return exponent > 0x3fff || (exponent == 0x3fff && st0.mantissa << 1 != 0);
}

std::optional<bool> holds(const std::string& condition, const hw::Decoded* d, const Case* c) {
  const bool evaluate = d != nullptr;
  const auto lazily = [&](auto f) -> std::optional<bool> { return evaluate ? f() : false; };
  if (condition == "always") return true;
  if (condition == "amd") return vendor() == Vendor::kAmd;
  if (condition == "intel") return vendor() == Vendor::kIntel;
  if (condition == "count=0") return lazily([&] { return shift_count(*d, *c) == 0; });
  if (condition == "count>1") return lazily([&] { return shift_count(*d, *c) > 1; });
  if (condition == "count!=0") return lazily([&] { return shift_count(*d, *c) != 0; });
  if (condition == "count!=1") return lazily([&] { return shift_count(*d, *c) != 1; });
  if (condition == "count>size") return lazily([&] { return shift_count(*d, *c) > d->size(0) * 8; });
  if (condition == "count>=size") return lazily([&] { return shift_count(*d, *c) >= d->size(0) * 8; });
  if (condition == "zf") return lazily([&] { return (c->real.state.flags & kZf) != 0; });
  if (condition == "size:16") return lazily([&] { return d->size(0) == 2; });
  if (condition == "memory") return lazily([&] { return d->is_mem(0); });
  if (condition == "fault") return lazily([&] { return c->real.outcome == Outcome::kFault; });
  if (condition == "nofault") return lazily([&] { return c->real.outcome != Outcome::kFault; });
  if (condition == "unmasked-sse") return lazily([&] { return (~c->before.fpu.mxcsr & 0x1f80) != 0; });
  if (condition == "rep-prefix") return lazily([&] { return has_repeat_prefix(*d); });
  if (condition == "mxcsr-mm") return lazily([&] { return (c->real.state.fpu.mxcsr & 0x20000) != 0; });
  if (condition == "out-of-range") return lazily([&] { return outside_documented_range(*d, c->before.fpu.st[0]); });
  if (condition == "unmasked-x87") return lazily([&] { return (~c->before.fpu.control & 0x3f) != 0; });
  return std::nullopt;
}

template <class T>
bool number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool add(const std::string& what, Ignored& out) {
  if (what == "cf") out.flags |= kCf;
  else if (what == "pf") out.flags |= kPf;
  else if (what == "af") out.flags |= kAf;
  else if (what == "zf") out.flags |= kZf;
  else if (what == "sf") out.flags |= kSf;
  else if (what == "of") out.flags |= kOf;
  else if (what == "c0") out.fpu_status |= 1 << 8;
  else if (what == "c1") out.fpu_status |= 1 << 9;
  else if (what == "c2") out.fpu_status |= 1 << 10;
  else if (what == "c3") out.fpu_status |= 1 << 14;
  else if (what == "fpu-flags") out.fpu_status |= 0x80ff;
  else if (what == "fpu-pe") out.fpu_status |= 0x80a0;
  else if (what == "fpu-ue") out.fpu_status |= 0x8090;
  else if (what == "mxcsr-flags") out.mxcsr |= 0x3f;
  else if (what == "mxcsr-pe") out.mxcsr |= 0x20;
  else if (what == "destination") out.destination = true;
  else if (what == "vector") out.vector = true;
  else if (what == "error") out.error = true;
  else if (what == "reciprocal") out.reciprocal = true;
  else if (what == "everything") out.everything = true;
  else if (what.starts_with("st:")) return number(std::string_view(what).substr(3), out.st_ulps);
  else if (what.starts_with("memory:")) {
    const auto plus = what.find('+');
    ByteRange range{};
    if (plus == std::string::npos || !number(std::string_view(what).substr(7, plus - 7), range.offset) ||
        !number(std::string_view(what).substr(plus + 1), range.bytes)) {
      return false;
    }
    out.memory.push_back(range);
  } else {
    return false;
  }
  return true;
}

std::vector<Row> read(const std::string& path, size_t columns) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  std::vector<Row> rows;
  int number_of_line = 0;
  const auto complain = [&](const std::string& about) { throw std::runtime_error(path + ":" + std::to_string(number_of_line) + ": " + about); };
  for (std::string line; std::getline(in, line);) {
    ++number_of_line;
    if (line.empty() || line[0] == '#') continue;
    const auto columns_found = fields(line);
    if (columns_found.size() != columns) complain("a row has " + std::to_string(columns) + " columns, this one " + std::to_string(columns_found.size()));
    Row row{.mnemonics = words(columns_found[0]), .conditions = {}, .what = {}, .source = columns_found.back(), .line = number_of_line};
    if (words(row.source).empty()) complain("a row needs its source or reason");
    if (columns == 4) {
      row.conditions = words(columns_found[1]);
      row.what = words(columns_found[2]);
      for (const auto& condition : row.conditions) {
        if (!holds(condition, nullptr, nullptr)) complain("unknown condition '" + condition + "'");
      }
      Ignored scratch;
      for (const auto& what : row.what) {
        if (!add(what, scratch)) complain("unknown part '" + what + "'");
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

uint64_t operand_value(const hw::Decoded& d, unsigned i, const Case& c) {
  if (d.is_imm(i)) return d.ops[i].imm.value.u;
  if (!d.is_reg(i)) return 0;
  const unsigned n = hw::register_number(d.ops[i].reg.value);
  if (d.size(i) != 1) return c.before.gpr[n & 15];
  uint8_t byte;
  std::memcpy(&byte, reinterpret_cast<const uint8_t*>(c.before.gpr) + n, 1);
  return byte;
}

Differences::Differences(const std::string& folder)
    : rows_(read(folder + "/undefined.txt", 4)), excluded_(read(folder + "/excluded.txt", 2)) {
  const auto known = read(folder + "/known_differences.txt", 4);
  rows_.insert(rows_.end(), known.begin(), known.end());
}

Ignored Differences::ignored(const hw::Decoded& decoded, const Case& c) const {
  Ignored out;
  const std::string_view name = ZydisMnemonicGetString(decoded.insn.mnemonic);
  for (const Row& row : rows_) {
    if (!any_matches(row.mnemonics, name)) continue;
    const bool applies = std::all_of(row.conditions.begin(), row.conditions.end(), [&](const std::string& condition) { return *holds(condition, &decoded, &c); });
    if (!applies) continue;
    for (const auto& what : row.what) add(what, out);
  }
  return out;
}

bool Differences::excluded(std::string_view mnemonic) const {
  return std::any_of(excluded_.begin(), excluded_.end(), [&](const Row& row) { return any_matches(row.mnemonics, mnemonic); });
}

}  // namespace ringside::differential
