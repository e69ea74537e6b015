// Register conversion. KVM names its general registers in another order than ModRM, so each is named here once.
#include "vmm/machines/kvm/kvm_registers.h"

namespace ringside::vmm {

namespace {

namespace rights = hw::access_rights;

constexpr __u64 kvm_regs::* kGpr[16] = {&kvm_regs::rax, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rbx, &kvm_regs::rsp, &kvm_regs::rbp,
                                        &kvm_regs::rsi, &kvm_regs::rdi, &kvm_regs::r8,  &kvm_regs::r9,  &kvm_regs::r10, &kvm_regs::r11,
                                        &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15};
constexpr kvm_segment kvm_sregs::* kSegment[6] = {&kvm_sregs::es, &kvm_sregs::cs, &kvm_sregs::ss,
                                                  &kvm_sregs::ds, &kvm_sregs::fs, &kvm_sregs::gs};

}  // namespace

hw::Segment segment_of(const kvm_segment& s) {
  const uint32_t r = (s.type & rights::kTypeMask) | uint32_t{s.s} << 4 | uint32_t{s.dpl} << rights::kDplShift |
                     uint32_t{s.present} << 7 | uint32_t{s.avl} << 12 | uint32_t{s.l} << 13 | uint32_t{s.db} << 14 |
                     uint32_t{s.g} << 15 | uint32_t{s.unusable} << 16;
  return {.base = s.base, .limit = s.limit, .selector = s.selector, .rights = r};
}

kvm_segment kvm_segment_of(const hw::Segment& s) {
  const auto bit = [&](unsigned n) { return static_cast<uint8_t>((s.rights >> n) & 1); };
  kvm_segment k{};
  k.base = s.base;
  k.limit = s.limit;
  k.selector = s.selector;
  k.type = static_cast<uint8_t>(s.type());
  k.s = bit(4);
  k.dpl = static_cast<uint8_t>(s.dpl());
  k.present = bit(7);
  k.avl = bit(12);
  k.l = bit(13);
  k.db = bit(14);
  k.g = bit(15);
  k.unusable = bit(16);
  return k;
}

kvm_segment& segment_in(kvm_sregs& sregs, hw::SegmentName name) { return sregs.*kSegment[name]; }

kvm_regs kvm_regs_of(const std::array<uint64_t, 16>& gpr) {
  kvm_regs regs{};
  for (unsigned i = 0; i < 16; ++i) regs.*kGpr[i] = gpr[i];
  return regs;
}

void gpr_of(const kvm_regs& regs, std::array<uint64_t, 16>& gpr) {
  for (unsigned i = 0; i < 16; ++i) gpr[i] = regs.*kGpr[i];
}

Registers registers_of(const kvm_regs& regs, const kvm_sregs& sregs) {
  Registers r;
  gpr_of(regs, r.gpr);
  for (unsigned i = 0; i < 6; ++i) r.segment[i] = segment_of(sregs.*kSegment[i]);
  r.rip = regs.rip;
  r.rflags = regs.rflags;
  r.ldtr = segment_of(sregs.ldt);
  r.tr = segment_of(sregs.tr);
  r.gdtr = {.base = sregs.gdt.base, .limit = sregs.gdt.limit};
  r.idtr = {.base = sregs.idt.base, .limit = sregs.idt.limit};
  r.cr0 = sregs.cr0;
  r.cr2 = sregs.cr2;
  r.cr3 = sregs.cr3;
  r.cr4 = sregs.cr4;
  r.cr8 = sregs.cr8;
  r.efer = sregs.efer;
  return r;
}

kvm_regs kvm_regs_of(const Registers& r) {
  kvm_regs regs = kvm_regs_of(r.gpr);
  regs.rip = r.rip;
  regs.rflags = r.rflags;
  return regs;
}

void apply_registers(const Registers& r, kvm_sregs& sregs) {
  for (unsigned i = 0; i < 6; ++i) sregs.*kSegment[i] = kvm_segment_of(r.segment[i]);
  sregs.ldt = kvm_segment_of(r.ldtr);
  sregs.tr = kvm_segment_of(r.tr);
  sregs.gdt.base = r.gdtr.base;
  sregs.gdt.limit = r.gdtr.limit;
  sregs.idt.base = r.idtr.base;
  sregs.idt.limit = r.idtr.limit;
  sregs.cr0 = r.cr0;
  sregs.cr2 = r.cr2;
  sregs.cr3 = r.cr3;
  sregs.cr4 = r.cr4;
  sregs.cr8 = r.cr8;
  sregs.efer = r.efer;
}

}  // namespace ringside::vmm
