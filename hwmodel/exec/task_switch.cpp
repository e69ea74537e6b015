#include "hwmodel/exec/task_switch.h"

#include <cstring>

#include "hwmodel/exec/access.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/system_flags.h"
#include "hwmodel/machine/observer.h"

namespace ringside::hw {
namespace {

constexpr SegmentName kSavedSegments[] = {kEs, kCs, kSs, kDs, kFs, kGs};

// The dynamic part of a TSS, whatever its format [SDM 3A figures 7-2 and 7-10].
struct TaskImage {
  uint16_t link = 0, ldt = 0;
  uint32_t cr3 = 0, eip = 0, eflags = 0;
  uint32_t gpr[8] = {};
  uint16_t segment[6] = {};   // in the order of kSavedSegments
  bool debug_trap = false;
};

// One TSS format: where the fields lie.
struct Layout {
  unsigned word;                       // bytes of EIP, EFLAGS and the general registers
  unsigned eip, eflags, gpr, segment;  // offsets
  unsigned segment_step, segments;     // FS and GS exist only in the 32-bit format
  unsigned ldt;
  unsigned bytes;                      // smallest TSS, limit + 1
};
constexpr unsigned kCr3Offset = 28, kTrapOffset = 100;
constexpr Layout kLayout32{4, 32, 36, 40, 72, 4, 6, 96, 104};
constexpr Layout kLayout16{2, 14, 16, 18, 34, 2, 4, 42, 44};

const Layout& layout_of(unsigned type) { return type & 8 ? kLayout32 : kLayout16; }

uint64_t at(const Segment& tss, unsigned offset) { return static_cast<uint32_t>(tss.base + offset); }

template <class T>
T field(const uint8_t* bytes, unsigned offset, unsigned size = sizeof(T)) {
  T value{};
  std::memcpy(&value, bytes + offset, size);
  return value;
}

bool read_image(Cpu& cpu, const Segment& tss, TaskImage& out) {
  const Layout& l = layout_of(tss.type());
  uint8_t bytes[sizeof(uint32_t) * 26];
  for (unsigned offset = 0; offset < l.bytes; offset += 4) {
    if (!load_system(cpu, at(tss, offset), bytes + offset, 4)) return false;
  }
  out.link = field<uint16_t>(bytes, 0);
  out.eip = field<uint32_t>(bytes, l.eip, l.word);
  out.eflags = field<uint32_t>(bytes, l.eflags, l.word);
  for (unsigned i = 0; i < 8; ++i) out.gpr[i] = field<uint32_t>(bytes, l.gpr + i * l.word, l.word);
  for (unsigned i = 0; i < l.segments; ++i) out.segment[i] = field<uint16_t>(bytes, l.segment + i * l.segment_step);
  out.ldt = field<uint16_t>(bytes, l.ldt);
  if (l.word == 4) {
    out.cr3 = field<uint32_t>(bytes, kCr3Offset);
    out.debug_trap = bytes[kTrapOffset] & 1;
  }
  return true;
}

// Only the dynamic fields are written: not CR3, LDT and the inner stacks.
bool save_image(Cpu& cpu, const Segment& tss, uint64_t return_rip, uint64_t flags) {
  const Layout& l = layout_of(tss.type());
  if (!store_system(cpu, at(tss, l.eip), &return_rip, l.word) || !store_system(cpu, at(tss, l.eflags), &flags, l.word)) return false;
  for (unsigned i = 0; i < 8; ++i) {
    if (!store_system(cpu, at(tss, l.gpr + i * l.word), &cpu.gpr[i], l.word)) return false;
  }
  for (unsigned i = 0; i < l.segments; ++i) {
    if (!store_system(cpu, at(tss, l.segment + i * l.segment_step), &cpu.segment[kSavedSegments[i]].selector, 2)) return false;
  }
  return true;
}

bool set_descriptor_busy(Cpu& cpu, uint16_t selector, bool busy) {
  Descriptor d;
  return read_descriptor(cpu, selector, Vector::kTS, d) && set_busy(cpu, d, busy);
}

// --- the new task's segments; faults here are its own [SDM 3A table 7-1 "Exception Conditions Checked During a Task Switch"] ---------

bool load_code_segment(Cpu& cpu, uint16_t selector) {
  if (is_null(selector)) return cpu.raise(Vector::kTS, 0);
  Descriptor d;
  if (!read_descriptor(cpu, selector, Vector::kTS, d)) return false;
  const unsigned rpl = selector & kSelectorRpl;
  const bool level_ok = d.is_conforming_code() ? d.dpl() <= rpl : d.dpl() == rpl;
  if (!d.is_code() || !level_ok) return cpu.raise(Vector::kTS, selector_error(selector));
  if (!d.present()) return cpu.raise(Vector::kNP, selector_error(selector));
  if (!set_accessed(cpu, d)) return false;
  cpu.segment[kCs] = to_segment(d, selector);
  cpu.cpl = static_cast<uint8_t>(rpl);
  return true;
}

bool load_protected_segments(Cpu& cpu, const TaskImage& image) {
  if (!load_code_segment(cpu, image.segment[kCs])) return false;
  if (!check_stack_segment(cpu, image.segment[kSs], cpu.cpl, Vector::kTS, false, cpu.segment[kSs])) return false;
  for (const SegmentName name : {kEs, kDs, kFs, kGs}) {
    Segment loaded;
    if (!check_data_segment(cpu, image.segment[name], cpu.cpl, Vector::kTS, loaded)) return false;
    cpu.segment[name] = loaded;
  }
  return true;
}

bool load_context(Cpu& cpu, const TaskImage& image) {
  if (!load_ldtr(cpu, image.ldt, Vector::kTS)) return false;
  if (cpu.in_v86_mode()) {
    for (unsigned i = 0; i < 6; ++i) cpu.segment[kSavedSegments[i]] = v86_segment(image.segment[i]);
    cpu.cpl = 3;
  } else if (!load_protected_segments(cpu, image)) {
    return false;
  }
  if (image.eip > cpu.segment[kCs].limit) return cpu.raise(Vector::kGP, 0);
  if (image.debug_trap) return raise_debug(cpu, dr6::kBt);
  return true;
}

void load_root(Cpu& cpu, uint32_t new_cr3) {
  const uint64_t old = cpu.cr3;
  cpu.cr3 = new_cr3;
  cpu.mmu.flush_non_global();
  cpu.time.charge(Primitive::kTlbFlush);
  if (!cpu.observer) return;
  if (old != new_cr3) cpu.observer->on_page_table_root(old, new_cr3);
  cpu.observer->on_tlb_flush(FlushCause::kTaskSwitch, 0);
}

// From here on the CPU is the new task.
void commit(Cpu& cpu, uint16_t selector, const Segment& tr, const TaskImage& image, uint64_t new_flags) {
  cpu.tr = tr;
  cpu.tr.selector = selector;
  cpu.cr0 |= cr0::kTs;
  if ((tr.type() & 8) && (cpu.cr0 & cr0::kPg)) load_root(cpu, image.cr3);
  cpu.rip = image.eip;
  cpu.set_rflags(new_flags & kArchitecturalFlags);
  for (unsigned i = 0; i < 8; ++i) {
    cpu.gpr[i] = tr.type() & 8 ? image.gpr[i] : (cpu.gpr[i] & 0xffff0000u) | image.gpr[i];
  }
  for (unsigned i = 0; i < 6; ++i) cpu.segment[kSavedSegments[i]] = null_segment(image.segment[i]);
  cpu.ldtr = null_segment(image.ldt);
  cpu.cpl = static_cast<uint8_t>(image.segment[kCs] & kSelectorRpl);
  cpu.dr7 &= ~uint64_t{0x155};   // local breakpoint enables and LE
}

}  // namespace

bool find_available_tss(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& out) {
  if (is_null(selector) || (selector & kSelectorTi)) return cpu.raise(bad, selector_error(selector));
  if (!read_descriptor(cpu, selector, bad, out)) return false;
  if (!out.is_system(SystemType::kTss32) && !out.is_system(SystemType::kTss16)) return cpu.raise(bad, selector_error(selector));
  return out.present() ? true : cpu.raise(Vector::kNP, selector_error(selector));
}

bool switch_task(Cpu& cpu, uint16_t selector, Descriptor tss, TaskSwitch kind, uint64_t return_rip, uint64_t flags) {
  Segment tr = to_segment(tss, selector);
  const Layout& layout = layout_of(tr.type());
  if (tr.limit + 1 < layout.bytes && tr.limit != 0xffffffff) return cpu.raise(Vector::kTS, selector_error(selector));
  TaskImage image;
  if (!read_image(cpu, tr, image)) return false;
  if (kind == TaskSwitch::kReturn) flags &= ~rflags::kNt;
  if (!save_image(cpu, cpu.tr, return_rip, flags)) return false;
  const uint16_t old = cpu.tr.selector;
  if (kind == TaskSwitch::kNested && !store_system(cpu, at(tr, 0), &old, 2)) return false;
  if (kind != TaskSwitch::kNested && !set_descriptor_busy(cpu, old, false)) return false;
  if (kind != TaskSwitch::kReturn && !set_busy(cpu, tss, true)) return false;
  tr = to_segment(tss, selector);

  uint64_t new_flags = image.eflags;
  if (kind == TaskSwitch::kNested) new_flags |= rflags::kNt;
  commit(cpu, selector, tr, image, new_flags);
  cpu.mode_changed();   // the new root, before the new task's descriptors are read
  load_context(cpu, image);
  cpu.mode_changed();
  return true;
}

bool return_to_previous_task(Cpu& cpu, uint64_t return_rip) {
  uint16_t link;
  if (!load_system(cpu, at(cpu.tr, 0), &link, 2)) return false;
  if (link & kSelectorTi) return cpu.raise(Vector::kTS, selector_error(link));
  Descriptor tss;
  if (!read_descriptor(cpu, link, Vector::kTS, tss)) return false;
  if (!tss.is_system(SystemType::kTss32Busy) && !tss.is_system(SystemType::kTss16Busy)) return cpu.raise(Vector::kTS, selector_error(link));
  if (!tss.present()) return cpu.raise(Vector::kNP, selector_error(link));
  return switch_task(cpu, link, tss, TaskSwitch::kReturn, return_rip, cpu.rflags());
}

}  // namespace ringside::hw
