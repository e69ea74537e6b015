#include "tests/differential/native/comparison.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "hwmodel/isa/decoder.h"

namespace ringside::differential {
namespace {

constexpr const char* kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr uint64_t kComparedFlags = 0xcd5 & ~0x200ull;   // arithmetic flags and DF

std::string outcome_text(const Result& r) {
  switch (r.outcome) {
    case Outcome::kFellThrough: return "fell through";
    case Outcome::kTaken: return "branch taken";
    case Outcome::kFault: return fmt::format("vector {} error {:x} address {:x}", r.vector, r.error, r.fault_address);
  }
  return "?";
}

// [SDM 2B 4.3 RCPPS, RSQRTPS]: relative error at most 1.5 * 2^-12.
bool both_approximate(uint64_t a, uint64_t b) {
  for (int half = 0; half < 2; ++half) {
    const auto x = static_cast<uint32_t>(a >> (32 * half)), y = static_cast<uint32_t>(b >> (32 * half));
    if (x == y) continue;
    const auto fx = static_cast<double>(std::bit_cast<float>(x)), fy = static_cast<double>(std::bit_cast<float>(y));
    if (!(std::abs(fx - fy) <= std::abs(fx) * 2 * 1.5 / 4096)) {
      // Results near the denormal range may be flushed by one and not by the other.
      if (std::abs(fx) > 2.4e-38 || std::abs(fy) > 2.4e-38) return false;
    }
  }
  return true;
}
bool within_ulps(const X87Slot& a, const X87Slot& b, uint64_t ulps) {
  if (a.mantissa == b.mantissa && a.sign_exponent == b.sign_exponent) return true;
  if (a.sign_exponent == b.sign_exponent) return (a.mantissa > b.mantissa ? a.mantissa - b.mantissa : b.mantissa - a.mantissa) <= ulps;
  return ulps > 0 && std::abs(int{a.sign_exponent} - int{b.sign_exponent}) == 1 && (a.mantissa + ulps < a.mantissa || b.mantissa + ulps < b.mantissa);
}

}  // namespace

std::string difference(const Case& c, const Result& model, const Ignored& ignored, uint64_t operand_address) {
  std::string text;
  if (ignored.everything) return text;
  const Result& real = c.real;
  const auto line = [&](const std::string& what, const auto& cpu, const auto& ours) { text += fmt::format("    {:<10} cpu {}  model {}\n", what, cpu, ours); };
  const auto hex = [](uint64_t v) { return fmt::format("{:x}", v); };

  if (real.outcome != model.outcome) line("outcome", outcome_text(real), outcome_text(model));
  if (real.outcome == Outcome::kFault && model.outcome == Outcome::kFault) {
    if (real.vector != model.vector && !ignored.vector) line("fault", outcome_text(real), outcome_text(model));
    // Bit 0 (present) is not compared in the host kernel's half, which the model has not mapped.
    else if (real.vector == 14 && ((real.error ^ model.error) & (real.fault_address >> 63 ? 6 : 7)) && !ignored.error) line("error", outcome_text(real), outcome_text(model));
  }
  const State &a = real.state, &b = model.state;
  for (unsigned i = 0; i < 16; ++i) {
    if (a.gpr[i] != b.gpr[i] && !ignored.destination) line(kNames[i], hex(a.gpr[i]), hex(b.gpr[i]));
  }
  if ((a.flags ^ b.flags) & kComparedFlags & ~ignored.flags) line("flags", hex(a.flags & kComparedFlags), hex(b.flags & kComparedFlags));
  const FpuImage &f = a.fpu, &g = b.fpu;
  if (f.control != g.control) line("fcw", hex(f.control), hex(g.control));
  if ((f.status ^ g.status) & ~ignored.fpu_status) line("fsw", hex(f.status), hex(g.status));
  if (f.tags != g.tags) line("ftw", hex(f.tags), hex(g.tags));
  for (unsigned i = 0; i < 8; ++i) {
    if (!within_ulps(f.st[i], g.st[i], ignored.st_ulps)) {
      line(fmt::format("st{}", i), fmt::format("{:04x}:{:016x}", f.st[i].sign_exponent, f.st[i].mantissa), fmt::format("{:04x}:{:016x}", g.st[i].sign_exponent, g.st[i].mantissa));
    }
  }
  if ((f.mxcsr ^ g.mxcsr) & ~ignored.mxcsr) line("mxcsr", hex(f.mxcsr), hex(g.mxcsr));
  for (unsigned i = 0; i < 16; ++i) {
    const auto *x = f.xmm[i], *y = g.xmm[i];
    if (x[0] == y[0] && x[1] == y[1]) continue;
    if (ignored.reciprocal && both_approximate(x[0], y[0]) && both_approximate(x[1], y[1])) continue;
    line(fmt::format("xmm{}", i), fmt::format("{:016x}:{:016x}", x[1], x[0]), fmt::format("{:016x}:{:016x}", y[1], y[0]));
  }
  unsigned shown = 0;
  for (unsigned i = 0; i < kPage && shown < 8; ++i) {
    if (real.memory[i] == model.memory[i]) continue;
    const uint64_t offset = kReadWritePage + i - operand_address;
    bool skip = ignored.destination;
    for (const ByteRange& range : ignored.memory) skip = skip || offset - range.offset < range.bytes;
    if (skip) continue;
    line(fmt::format("[{:x}] +{}", kReadWritePage + i, static_cast<int64_t>(offset)), hex(real.memory[i]), hex(model.memory[i]));
    ++shown;
  }
  return text;
}

namespace {

std::string describe(const Case& c, unsigned slot, uint64_t seed) {
  unsigned length;
  const std::string text = hw::disassemble({c.bytes.data(), c.length}, 64, kCode + slot * kSlotBytes, length);
  std::string bytes;
  for (unsigned i = 0; i < c.length; ++i) bytes += fmt::format("{:02x}", c.bytes[i]);
  std::string out = fmt::format("{}  [{}] seed {:#x} case {}: cpu {}\n", text, bytes, seed, slot, outcome_text(c.real));
  out += fmt::format("    before     flags {:x} fcw {:x} fsw {:x} ftw {:x} mxcsr {:x}", c.before.flags, c.before.fpu.control, c.before.fpu.status, c.before.fpu.tags, c.before.fpu.mxcsr);
  for (unsigned i = 0; i < 16; ++i) out += fmt::format(" {}={:x}", kNames[i], c.before.gpr[i]);
  for (unsigned i = 0; i < 8; ++i) out += fmt::format(" st{}={:04x}:{:016x}", i, c.before.fpu.st[i].sign_exponent, c.before.fpu.st[i].mantissa);
  for (unsigned i = 0; i < 16; ++i) out += fmt::format(" xmm{}={:016x}:{:016x}", i, c.before.fpu.xmm[i][1], c.before.fpu.xmm[i][0]);
  return out + "\n";
}

// Address of the first visible memory operand, with the registers before the instruction.
uint64_t operand_address(const hw::Decoded& d, const Case& c, unsigned slot) {
  for (unsigned i = 0; i < d.insn.operand_count_visible; ++i) {
    if (!d.is_mem(i)) continue;
    ZydisRegisterContext context{};
    for (unsigned r = 0; r < 16; ++r) context.values[ZYDIS_REGISTER_RAX + r] = c.before.gpr[r];
    for (unsigned r = 0; r < 16; ++r) context.values[ZYDIS_REGISTER_EAX + r] = static_cast<uint32_t>(c.before.gpr[r]);
    ZyanU64 address = 0;
    ZydisCalcAbsoluteAddressEx(&d.insn, &d.ops[i], kCode + uint64_t{slot} * kSlotBytes, &context, &address);
    return address;
  }
  return 0;
}

}  // namespace

void Comparison::compare(const Case& c, unsigned slot, uint64_t seed, const Page& read_only, const Page& read_write, Summary& summary) {
  hw::Decoded d;
  decode_both({c.bytes.data(), c.length}, d);
  const std::string name = ZydisMnemonicGetString(d.insn.mnemonic);
  const Result& model = model_.run(c, slot, read_only, read_write);
  ++summary.cases;
  ++summary.per_mnemonic[name];
  summary.faults += c.real.outcome == Outcome::kFault;
  const std::string text = difference(c, model, differences_.ignored(d, c), operand_address(d, c, slot));
  if (text.empty()) return;
  ++summary.different;
  if (reported_[name]++ < kMostFindings) summary.findings.push_back({name, describe(c, slot, seed) + text});
}

Summary Comparison::run(uint64_t seed, uint64_t count) {
  Summary summary;
  std::vector<Case> cases;
  for (uint64_t done = 0; done < count; ++seed) {
    Random random(seed);
    Page read_only, read_write;
    generator_.pages(random, read_only, read_write);
    cases.clear();
    for (unsigned slot = 0; slot < kBatch && done + slot < count; ++slot) cases.push_back(generator_.make(random, slot));
    if (!host_.run(cases, read_only, read_write)) {
      const Case& c = cases[host_.failed()];
      throw std::runtime_error("the child process died of " + describe(c, host_.failed(), seed));
    }
    for (unsigned slot = 0; slot < cases.size(); ++slot) compare(cases[slot], slot, seed, read_only, read_write, summary);
    done += cases.size();
  }
  return summary;
}

}  // namespace ringside::differential
