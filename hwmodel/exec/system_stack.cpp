#include "hwmodel/exec/system_stack.h"

#include "hwmodel/exec/access.h"
#include "hwmodel/exec/task_state.h"

namespace ringside::hw {
namespace {

uint64_t masked(uint64_t value, unsigned width) {
  return width == 8 ? value : width == 4 ? static_cast<uint32_t>(value) : static_cast<uint16_t>(value);
}

}  // namespace

SystemStack SystemStack::current(const Cpu& cpu) {
  SystemStack s;
  s.ss_ = cpu.segment[kSs];
  s.sp_ = cpu.gpr[kRsp];
  s.width_ = cpu.in_v86_mode() ? 2 : stack_width(s.ss_, cpu.in_64bit_mode());
  s.checks_rights_ = !segmented_by_paragraph(cpu);
  return s;
}

SystemStack SystemStack::flat(const Cpu& cpu) {
  SystemStack s;
  s.ss_ = cpu.segment[kSs];
  s.sp_ = cpu.gpr[kRsp];
  return s;
}

SystemStack SystemStack::inner(const Segment& ss, uint64_t sp, unsigned width, uint32_t error) {
  SystemStack s;
  s.ss_ = ss;
  s.sp_ = sp;
  s.width_ = width;
  s.error_ = error;
  s.looker_ = Looker::kProcessor;
  return s;
}

// A 16-bit stack pointer leaves the upper bits alone; a 32-bit one clears the upper half.
void SystemStack::set_pointer(uint64_t value) {
  if (width_ == 2) sp_ = (sp_ & ~uint64_t{0xffff}) | (value & 0xffff);
  else sp_ = masked(value, width_);
}

bool SystemStack::locate(Cpu& cpu, uint64_t at, unsigned size, bool write, uint64_t& linear) const {
  if (width_ == 8) {
    linear = at;
    return canonical(at) && canonical(at + size - 1) ? true : cpu.raise(Vector::kSS, error_);
  }
  const bool usable = ss_.usable() && (!checks_rights_ || !write || (ss_.type() & 0xa) == 2);
  if (!usable || !within_segment(ss_, at, size)) return cpu.raise(Vector::kSS, error_);
  linear = static_cast<uint32_t>(ss_.base + at);
  return true;
}

bool SystemStack::push(Cpu& cpu, uint64_t value, unsigned size) {
  const uint64_t top = masked(sp_ - size, width_);
  uint64_t linear;
  if (!locate(cpu, top, size, true, linear)) return false;
  const bool stored = looker_ == Looker::kProcessor ? store_system(cpu, linear, &value, size) : store_slow(cpu, linear, &value, size);
  if (stored) set_pointer(top);
  return stored;
}

bool SystemStack::read_at(Cpu& cpu, uint64_t offset, uint64_t& value, unsigned size) const {
  uint64_t linear;
  if (!locate(cpu, masked(sp_ + offset, width_), size, false, linear)) return false;
  value = 0;
  return looker_ == Looker::kProcessor ? load_system(cpu, linear, &value, size) : load_slow(cpu, linear, &value, size);
}

bool SystemStack::pop(Cpu& cpu, uint64_t& value, unsigned size) {
  if (!read_at(cpu, 0, value, size)) return false;
  skip(size);
  return true;
}

bool switch_to_ring_stack(Cpu& cpu, unsigned cpl, SystemStack& out) {
  RingStack ring;
  Segment ss;
  if (!ring_stack(cpu, cpl, ring) || !check_stack_segment(cpu, ring.ss, cpl, Vector::kTS, false, ss)) return false;
  out = SystemStack::inner(ss, ring.sp, stack_width(ss, false), selector_error(ring.ss));
  return true;
}

}  // namespace ringside::hw
