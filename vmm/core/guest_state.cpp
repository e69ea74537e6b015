#include "vmm/core/guest_state.h"

namespace ringside::vmm {
namespace {

// Calls f(prefix, name, number or -1, value) for every field; the one list of them all.
template <class F>
void for_each_register(const Registers& r, F&& f) {
  constexpr const char* kGpr[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
  constexpr const char* kSegment[] = {"es.", "cs.", "ss.", "ds.", "fs.", "gs."};
  f("", "rip", -1, r.rip);
  for (unsigned i = 0; i < r.gpr.size(); ++i) f("", kGpr[i], -1, r.gpr[i]);
  f("", "rflags", -1, r.rflags);
  const auto segment = [&](const char* prefix, const hw::Segment& s) {
    f(prefix, "selector", -1, s.selector);
    f(prefix, "base", -1, s.base);
    f(prefix, "limit", -1, s.limit);
    f(prefix, "rights", -1, s.rights);
  };
  for (unsigned i = 0; i < r.segment.size(); ++i) segment(kSegment[i], r.segment[i]);
  segment("ldtr.", r.ldtr);
  segment("tr.", r.tr);
  f("", "gdtr.base", -1, r.gdtr.base);
  f("", "gdtr.limit", -1, r.gdtr.limit);
  f("", "idtr.base", -1, r.idtr.base);
  f("", "idtr.limit", -1, r.idtr.limit);
  f("", "cr0", -1, r.cr0);
  f("", "cr2", -1, r.cr2);
  f("", "cr3", -1, r.cr3);
  f("", "cr4", -1, r.cr4);
  f("", "cr8", -1, r.cr8);
  f("", "efer", -1, r.efer);
}

template <class F>
void for_each_msr(const hw::MsrState& m, F&& f) {
  f("msr.", "star", -1, m.star);
  f("msr.", "lstar", -1, m.lstar);
  f("msr.", "cstar", -1, m.cstar);
  f("msr.", "fmask", -1, m.fmask);
  f("msr.", "kernel_gs_base", -1, m.kernel_gs_base);
  f("msr.", "tsc_aux", -1, m.tsc_aux);
  f("msr.", "sysenter_cs", -1, m.sysenter_cs);
  f("msr.", "sysenter_esp", -1, m.sysenter_esp);
  f("msr.", "sysenter_eip", -1, m.sysenter_eip);
  f("msr.", "pat", -1, m.pat);
  f("msr.", "misc_enable", -1, m.misc_enable);
  f("msr.", "spec_ctrl", -1, m.spec_ctrl);
  f("msr.", "apic_base", -1, m.apic_base);
  f("msr.", "mtrr_def_type", -1, m.mtrr_def_type);
  for (int i = 0; i < 11; ++i) f("msr.", "mtrr_fixed", i, m.mtrr_fixed[i]);
  for (int i = 0; i < 8; ++i) f("msr.", "mtrr_base", i, m.mtrr_base[i]), f("msr.", "mtrr_mask", i, m.mtrr_mask[i]);
}

template <class F>
void for_each_field(const GuestState& s, F&& f) {
  for_each_register(s.registers, f);
  for (int i = 0; i < 4; ++i) f("", "dr", i, s.dr[static_cast<size_t>(i)]);
  f("", "dr6", -1, s.dr6);
  f("", "dr7", -1, s.dr7);
  for (int i = 0; i < 8; ++i) {
    f("x87.", "mantissa", i, s.fpu.st[static_cast<size_t>(i)].mantissa);
    f("x87.", "sign_exponent", i, s.fpu.st[static_cast<size_t>(i)].sign_exponent);
  }
  f("x87.", "control", -1, s.fpu.control);
  f("x87.", "status", -1, s.fpu.status);
  f("x87.", "empty", -1, s.fpu.empty);
  f("x87.", "opcode", -1, s.fpu.last_opcode);
  f("x87.", "ip", -1, s.fpu.last_ip);
  f("x87.", "dp", -1, s.fpu.last_dp);
  f("x87.", "cs", -1, s.fpu.last_cs);
  f("x87.", "ds", -1, s.fpu.last_ds);
  for (int i = 0; i < 16; ++i) {
    f("xmm", ".lo", i, s.xmm[static_cast<size_t>(i)].lo);
    f("xmm", ".hi", i, s.xmm[static_cast<size_t>(i)].hi);
  }
  f("", "mxcsr", -1, s.mxcsr);
  for_each_msr(s.msr, f);
  f("", "interrupt_shadow", -1, s.interrupt_shadow);
  f("", "tsc", -1, s.tsc);
}

}  // namespace

GuestState guest_state_of(const hw::Cpu& cpu) {
  GuestState s;
  s.registers = registers_of(cpu);
  s.dr = cpu.dr;
  s.dr6 = cpu.dr6;
  s.dr7 = cpu.dr7;
  s.fpu = cpu.fpu;
  s.xmm = cpu.xmm;
  s.mxcsr = cpu.mxcsr;
  s.msr = cpu.msr;
  s.interrupt_shadow = cpu.interrupt_shadow;
  s.tsc = cpu.now().value + cpu.msr.tsc_offset;
  return s;
}

const std::vector<std::string>& guest_state_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for_each_field(GuestState{}, [&](const std::string& prefix, const std::string& name, int number, uint64_t) {
      const std::string digits = number < 0 ? "" : std::to_string(number);
      all.push_back(name.starts_with('.') ? prefix + digits + name : prefix + name + digits);
    });
    return all;
  }();
  return names;
}

std::vector<uint64_t> guest_state_values(const GuestState& state) {
  std::vector<uint64_t> values;
  values.reserve(guest_state_names().size());
  for_each_field(state, [&](const char*, const char*, int, uint64_t value) { values.push_back(value); });
  return values;
}

}  // namespace ringside::vmm
