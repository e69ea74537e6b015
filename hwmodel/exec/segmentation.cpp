#include "hwmodel/exec/segmentation.h"

#include "hwmodel/exec/access.h"

namespace ringside::hw {
namespace {

uint32_t limit_of(uint64_t low) {
  const uint32_t raw = static_cast<uint32_t>((low & 0xffff) | (low >> 32 & 0xf0000));
  return low >> 55 & 1 ? raw << 12 | 0xfff : raw;
}

bool bad_selector(Cpu& cpu, Vector bad, uint16_t selector) { return cpu.raise(bad, selector_error(selector)); }

// One byte of the descriptor is rewritten, as the processor does with a locked cycle.
bool write_type_byte(Cpu& cpu, Descriptor& d, uint64_t low) {
  if (low == d.low) return true;
  const uint8_t byte = static_cast<uint8_t>(low >> 40);
  if (!store_system(cpu, d.address + 5, &byte, 1)) return false;
  d.low = low;
  return true;
}

}  // namespace

Segment to_segment(const Descriptor& d, uint16_t selector) {
  Segment s;
  s.base = (d.low >> 16 & 0xffffff) | (d.low >> 32 & 0xff000000);
  if (!d.is_segment()) s.base |= d.high << 32;
  s.limit = limit_of(d.low);
  s.selector = selector;
  s.rights = static_cast<uint32_t>(d.low >> 40 & 0xf0ff);
  return s;
}

Segment null_segment(uint16_t selector, unsigned dpl) {
  Segment s;
  s.selector = selector;
  s.rights = access_rights::kUnusable | dpl << access_rights::kDplShift;
  return s;
}

// [SDM 3A 20.2.1 "Enabling Virtual-8086 Mode"]: 64 KiB, read/write, DPL 3.
Segment v86_segment(uint16_t selector) {
  return {.base = uint64_t{selector} << 4, .limit = 0xffff, .selector = selector, .rights = 0xf3};
}

Segment real_mode_segment(const Segment& old, uint16_t selector) {
  Segment s = old;
  s.selector = selector;
  s.base = uint64_t{selector} << 4;
  // A register left null by protected mode is usable again once real mode has loaded it.
  if (!s.usable()) s = {.base = s.base, .limit = 0xffff, .selector = selector, .rights = 0x93};
  return s;
}

Segment real_mode_code(const Segment& old, uint16_t selector) {
  Segment s = real_mode_segment(old, selector);
  s.rights = (s.rights & ~0xffu) | 0x93;   // read/write, accessed, DPL 0: CPL is 0 in real mode
  return s;
}

bool within_segment(const Segment& s, uint64_t offset, unsigned size) {
  const uint64_t last = offset + size - 1;
  const bool expand_down = (s.type() & 0xc) == 0x4;
  if (!expand_down) return last <= s.limit;
  return offset > s.limit && last <= (s.big() ? 0xffffffffull : 0xffffull);
}

bool find_descriptor(const Cpu& cpu, uint16_t selector, unsigned bytes, uint64_t& address) {
  const bool local = selector & kSelectorTi;
  if (local && !cpu.ldtr.usable()) return false;
  const uint64_t base = local ? cpu.ldtr.base : cpu.gdtr.base;
  const uint64_t limit = local ? cpu.ldtr.limit : cpu.gdtr.limit;
  const unsigned offset = selector & 0xfff8u;
  if (offset + bytes - 1 > limit) return false;
  address = cpu.in_long_mode() ? base + offset : static_cast<uint32_t>(base + offset);
  return true;
}

bool read_descriptor(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& out) {
  out = {};
  if (!find_descriptor(cpu, selector, 8, out.address)) return bad_selector(cpu, bad, selector);
  return load_system(cpu, out.address, &out.low, 8);
}

bool read_upper_half(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& d) {
  if (!cpu.in_long_mode()) return true;
  uint64_t address;
  if (!find_descriptor(cpu, selector, 16, address)) return bad_selector(cpu, bad, selector);
  if (!load_system(cpu, d.address + 8, &d.high, 8)) return false;
  if (d.high >> 40 & 0x1f) return bad_selector(cpu, bad, selector);   // [SDM 3A 5.8.3.1]: guards against a half that is a descriptor
  d.high &= 0xffffffff;
  return true;
}

bool set_accessed(Cpu& cpu, Descriptor& d) { return write_type_byte(cpu, d, d.low | 1ull << 40); }

bool set_busy(Cpu& cpu, Descriptor& d, bool busy) {
  constexpr uint64_t kBusy = 1ull << 41;
  return write_type_byte(cpu, d, busy ? d.low | kBusy : d.low & ~kBusy);
}

// [SDM 3A 5.5, 5.6 "Privilege Level Checking When Accessing Data Segments"].
bool check_data_segment(Cpu& cpu, uint16_t selector, unsigned cpl, Vector bad, Segment& out) {
  if (is_null(selector)) {
    out = null_segment(selector);
    return true;
  }
  Descriptor d;
  if (!read_descriptor(cpu, selector, bad, d)) return false;
  if (!d.is_readable()) return bad_selector(cpu, bad, selector);
  const unsigned rpl = selector & kSelectorRpl;
  if (!d.is_conforming_code() && (rpl > d.dpl() || cpl > d.dpl())) return bad_selector(cpu, bad, selector);
  if (!d.present()) return bad_selector(cpu, Vector::kNP, selector);
  if (!set_accessed(cpu, d)) return false;
  out = to_segment(d, selector);
  return true;
}

// [SDM 3A 5.7 "Privilege Level Checking When Loading the SS Register"].
bool check_stack_segment(Cpu& cpu, uint16_t selector, unsigned cpl, Vector bad, bool null_ss_allowed, Segment& out) {
  const unsigned rpl = selector & kSelectorRpl;
  if (is_null(selector)) {
    if (!null_ss_allowed || cpl == 3 || rpl != cpl) return cpu.raise(bad, 0);
    out = null_segment(selector, cpl);
    return true;
  }
  Descriptor d;
  if (!read_descriptor(cpu, selector, bad, d)) return false;
  if (rpl != cpl || !d.is_writable_data() || d.dpl() != cpl) return bad_selector(cpu, bad, selector);
  if (!d.present()) return bad_selector(cpu, Vector::kSS, selector);
  if (!set_accessed(cpu, d)) return false;
  out = to_segment(d, selector);
  return true;
}

bool load_segment(Cpu& cpu, SegmentName name, uint16_t selector) {
  Segment loaded;
  if (cpu.in_v86_mode()) {
    loaded = v86_segment(selector);
  } else if (cpu.in_real_mode()) {
    loaded = real_mode_segment(cpu.segment[name], selector);
  } else if (name == kSs) {
    if (!check_stack_segment(cpu, selector, cpu.cpl, Vector::kGP, cpu.in_64bit_mode(), loaded)) return false;
  } else {
    if (!check_data_segment(cpu, selector, cpu.cpl, Vector::kGP, loaded)) return false;
  }
  cpu.segment[name] = loaded;
  if (name == kSs) cpu.mode_changed();
  return true;
}

bool load_ldtr(Cpu& cpu, uint16_t selector, Vector bad) {
  if (is_null(selector)) {
    cpu.ldtr = null_segment(selector);
    return true;
  }
  Descriptor d;
  if (selector & kSelectorTi) return bad_selector(cpu, bad, selector);
  if (!read_descriptor(cpu, selector, bad, d)) return false;
  if (!d.is_system(SystemType::kLdt)) return bad_selector(cpu, bad, selector);
  if (!d.present()) return bad_selector(cpu, bad == Vector::kTS ? Vector::kTS : Vector::kNP, selector);
  if (!read_upper_half(cpu, selector, bad, d)) return false;
  const Segment loaded = to_segment(d, selector);
  if (!canonical(loaded.base)) return bad_selector(cpu, bad, selector);
  cpu.ldtr = loaded;
  return true;
}

// LTR: the TSS must be available and becomes busy [SDM 3A 7.2.4].
bool load_task_register(Cpu& cpu, uint16_t selector) {
  Descriptor d;
  if (is_null(selector)) return cpu.raise(Vector::kGP, 0);
  if (selector & kSelectorTi) return bad_selector(cpu, Vector::kGP, selector);
  if (!read_descriptor(cpu, selector, Vector::kGP, d)) return false;
  const bool available = d.is_system(SystemType::kTss32) || (d.is_system(SystemType::kTss16) && !cpu.in_long_mode());
  if (!available) return bad_selector(cpu, Vector::kGP, selector);
  if (!d.present()) return bad_selector(cpu, Vector::kNP, selector);
  if (!read_upper_half(cpu, selector, Vector::kGP, d)) return false;
  if (!canonical(to_segment(d, selector).base)) return bad_selector(cpu, Vector::kGP, selector);
  if (!set_busy(cpu, d, true)) return false;
  cpu.tr = to_segment(d, selector);
  return true;
}

}  // namespace ringside::hw
