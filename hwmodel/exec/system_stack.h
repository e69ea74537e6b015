// A stack that is filled or emptied before SS:rSP change: how far transfers, event delivery and task switches push and pop, so that a
// fault in the middle leaves the registers as they were. Not for PUSH and POP (exec/access.h).
#pragma once

#include <cstdint>

#include "hwmodel/exec/segmentation.h"

namespace ringside::hw {

class SystemStack {
 public:
  // The stack in use now, accessed at the current privilege. Faults are #SS(0).
  static SystemStack current(const Cpu& cpu);
  // The same seen from 64-bit code: no segmentation.
  static SystemStack flat(const Cpu& cpu);
  // An inner stack being switched to: pushes are made by the processor, faults are #SS with `error`.
  static SystemStack inner(const Segment& ss, uint64_t sp, unsigned width, uint32_t error);

  bool push(Cpu& cpu, uint64_t value, unsigned size);
  bool pop(Cpu& cpu, uint64_t& value, unsigned size);
  bool read_at(Cpu& cpu, uint64_t offset, uint64_t& value, unsigned size) const;   // `offset` above the top
  void skip(uint64_t bytes) { set_pointer(sp_ + bytes); }
  void align16() { sp_ &= ~uint64_t{15}; }
  uint64_t pointer() const { return sp_; }
  const Segment& segment() const { return ss_; }

 private:
  enum class Looker : uint8_t { kProgram, kProcessor };
  bool locate(Cpu& cpu, uint64_t at, unsigned size, bool write, uint64_t& linear) const;
  void set_pointer(uint64_t value);

  Segment ss_;
  uint64_t sp_ = 0;
  unsigned width_ = 8;      // bytes of the stack pointer in use: 2, 4, 8
  uint32_t error_ = 0;
  Looker looker_ = Looker::kProgram;
  bool checks_rights_ = true;
};

// The stack of inner ring `cpl` that a 16- or 32-bit TSS names, checked for a switch to it (#TS, #SS, #NP).
bool switch_to_ring_stack(Cpu& cpu, unsigned cpl, SystemStack& out);

// Width of the stack pointer when SS is `ss` and code runs in 64-bit mode or not.
inline unsigned stack_width(const Segment& ss, bool code64) { return code64 ? 8 : ss.big() ? 4 : 2; }

}  // namespace ringside::hw
