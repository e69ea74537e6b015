#include "hwmodel/exec/far_control.h"

#include "hwmodel/exec/access.h"

namespace ringside::hw {

bool check_target_rip(Cpu& cpu, FarTarget& target) {
  if (is_code64(cpu, target.cs)) return canonical(target.rip) ? true : cpu.raise(Vector::kGP, 0);
  target.rip = static_cast<uint32_t>(target.rip);
  return target.rip <= target.cs.limit ? true : cpu.raise(Vector::kGP, 0);
}

bool check_return_code(Cpu& cpu, uint16_t selector, uint64_t rip, FarTarget& out) {
  if (is_null(selector)) return cpu.raise(Vector::kGP, 0);
  Descriptor d;
  if (!read_descriptor(cpu, selector, Vector::kGP, d)) return false;
  const unsigned rpl = selector & kSelectorRpl;
  const bool level_ok = d.is_conforming_code() ? d.dpl() <= rpl : d.dpl() == rpl;
  const bool width_ok = !(cpu.in_long_mode() && d.long_code() && d.big());
  if (!d.is_code() || rpl < cpu.cpl || !level_ok || !width_ok) return cpu.raise(Vector::kGP, selector_error(selector));
  if (!d.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  if (!set_accessed(cpu, d)) return false;
  out = {to_segment(d, selector), rip, rpl};
  return check_target_rip(cpu, out);
}

void enter_target(Cpu& cpu, const FarTarget& target) {
  cpu.segment[kCs] = target.cs;
  cpu.cpl = static_cast<uint8_t>(target.cpl);
  cpu.rip = target.rip;
  cpu.mode_changed();
}

// A register that is null already keeps its base: in long mode FS and GS bases live there without a descriptor.
void drop_inner_segments(Cpu& cpu) {
  for (const SegmentName name : {kEs, kDs, kFs, kGs}) {
    Segment& s = cpu.segment[name];
    const bool conforming = (s.type() & 12) == 12;
    if (s.usable() && !conforming && s.dpl() < cpu.cpl) s = null_segment(0);
  }
}

bool check_paragraph_rip(Cpu& cpu, uint64_t rip) { return rip <= cpu.segment[kCs].limit ? true : cpu.raise(Vector::kGP, 0); }

void enter_paragraph_code(Cpu& cpu, uint16_t selector, uint64_t rip) {
  cpu.segment[kCs] = cpu.in_v86_mode() ? v86_segment(selector) : real_mode_code(cpu.segment[kCs], selector);
  cpu.rip = rip;
  cpu.mode_changed();
}

}  // namespace ringside::hw
