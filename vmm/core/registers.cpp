// Registers: reset values, conversion from and to the modelled CPU's state, and the text dump.
#include "vmm/core/registers.h"

#include <fmt/format.h>

#include <string_view>

namespace ringside::vmm {

using hw::kCs;
using hw::kSs;

unsigned Registers::cpl() const {
  if (!(cr0 & hw::cr0::kPe)) return 0;
  if (rflags & hw::rflags::kVm) return 3;
  return segment[kSs].dpl();
}

unsigned Registers::code_bits() const {
  const hw::Segment& cs = segment[kCs];
  const bool protected_mode = (cr0 & hw::cr0::kPe) && !(rflags & hw::rflags::kVm);
  if (protected_mode && (efer & hw::efer::kLma) && cs.long_code()) return 64;
  return cs.big() ? 32 : 16;
}

uint64_t Registers::linear_rip() const {
  if (code_bits() == 64) return rip;
  return static_cast<uint32_t>(segment[kCs].base + rip);
}

Registers reset_registers() {
  Registers r;
  r.rip = 0xfff0;
  r.gpr[hw::kRdx] = 0x600;  // family 6: what RESET leaves in EDX names the processor [SDM 3A 10.1.2 "Processor Built-In Self-Test"]
  constexpr uint32_t kData = hw::access_rights::kP | hw::access_rights::kS | 3;
  r.segment.fill({.base = 0, .limit = 0xffff, .selector = 0, .rights = kData});
  r.segment[kCs] = {.base = 0xffff0000, .limit = 0xffff, .selector = 0xf000, .rights = kData | 8};
  r.ldtr = {.base = 0, .limit = 0xffff, .selector = 0, .rights = hw::access_rights::kP | 2};
  r.tr = {.base = 0, .limit = 0xffff, .selector = 0, .rights = hw::access_rights::kP | 0xb};
  r.gdtr = r.idtr = {.base = 0, .limit = 0xffff};
  r.cr0 = hw::cr0::kCd | hw::cr0::kNw | hw::cr0::kEt;
  return r;
}

Registers registers_of(const hw::CpuState& state) {
  Registers r;
  for (unsigned i = 0; i < r.gpr.size(); ++i) r.gpr[i] = state.gpr[i];
  for (unsigned i = 0; i < r.segment.size(); ++i) r.segment[i] = state.segment[i];
  r.rip = state.rip;
  r.rflags = state.rflags();
  r.ldtr = state.ldtr;
  r.tr = state.tr;
  r.gdtr = state.gdtr;
  r.idtr = state.idtr;
  r.cr0 = state.cr0;
  r.cr2 = state.cr2;
  r.cr3 = state.cr3;
  r.cr4 = state.cr4;
  r.cr8 = state.cr8;
  r.efer = state.efer;
  return r;
}

void apply_registers(const Registers& r, hw::CpuState& state) {
  for (unsigned i = 0; i < r.gpr.size(); ++i) state.gpr[i] = r.gpr[i];
  for (unsigned i = 0; i < r.segment.size(); ++i) state.segment[i] = r.segment[i];
  state.rip = r.rip;
  state.set_rflags(r.rflags);
  state.ldtr = r.ldtr;
  state.tr = r.tr;
  state.gdtr = r.gdtr;
  state.idtr = r.idtr;
  state.cr0 = r.cr0;
  state.cr2 = r.cr2;
  state.cr3 = r.cr3;
  state.cr4 = r.cr4;
  state.cr8 = r.cr8;
  state.efer = r.efer;
  state.cpl = static_cast<uint8_t>(r.cpl());
}

std::string to_text(const Registers& r) {
  static constexpr std::string_view kGpr[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                              "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15"};
  static constexpr std::string_view kSegment[] = {"es", "cs", "ss", "ds", "fs", "gs"};
  std::string text;
  for (unsigned i = 0; i < 16; ++i) text += fmt::format("{} {:016x}{}", kGpr[i], r.gpr[i], i % 4 == 3 ? "\n" : "  ");
  text += fmt::format("rip {:016x}  rflags {:08x}  cpl {}  {}-bit code\n", r.rip, r.rflags, r.cpl(), r.code_bits());
  for (unsigned i = 0; i < 6; ++i) {
    const hw::Segment& s = r.segment[i];
    text += fmt::format("{} {:04x} base {:016x} limit {:08x} rights {:05x}\n", kSegment[i], s.selector, s.base, s.limit, s.rights);
  }
  text += fmt::format("gdt {:016x}:{:04x}  idt {:016x}:{:04x}  ldt {:04x}  tr {:04x} base {:016x}\n", r.gdtr.base, r.gdtr.limit,
                      r.idtr.base, r.idtr.limit, r.ldtr.selector, r.tr.selector, r.tr.base);
  text += fmt::format("cr0 {:08x}  cr2 {:016x}  cr3 {:016x}  cr4 {:08x}  cr8 {:x}  efer {:04x}\n", r.cr0, r.cr2, r.cr3, r.cr4,
                      r.cr8, r.efer);
  return text;
}

}  // namespace ringside::vmm
