// Segmentation: descriptors in the GDT and LDT, the checks of loading them, and what the CPU holds after reset.
// Called by far control transfers, event delivery, task switches and the segment-register instructions. Not here: limit checks of
// ordinary memory operands (exec/access.cpp).
//
// Descriptor, low 8 bytes [SDM 3A 3.4.5 "Segment Descriptors"]:
//   63..56 base 31:24 | 55 G | 54 D/B | 53 L | 52 AVL | 51..48 limit 19:16 | 47 P | 46:45 DPL | 44 S | 43..40 type | 39..16 base | 15..0 limit
// Gate: 63..48 offset 31:16 | 47 P | 46:45 DPL | 44 0 | 43..40 type | 36..32 parameters or IST | 31..16 selector | 15..0 offset 15:0
#pragma once

#include <cstdint>

#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

// Types of descriptors with S = 0 [SDM 3A table 3-2].
enum class SystemType : uint8_t {
  kTss16 = 1, kLdt = 2, kTss16Busy = 3, kCallGate16 = 4, kTaskGate = 5, kInterruptGate16 = 6, kTrapGate16 = 7,
  kTss32 = 9, kTss32Busy = 11, kCallGate32 = 12, kInterruptGate32 = 14, kTrapGate32 = 15
};

struct Descriptor {
  uint64_t low = 0, high = 0;   // high: upper half of a 16-byte system descriptor in long mode
  uint64_t address = 0;         // linear, of the low half

  unsigned type() const { return low >> 40 & 15; }
  SystemType system_type() const { return static_cast<SystemType>(type()); }
  bool is_segment() const { return low >> 44 & 1; }
  unsigned dpl() const { return low >> 45 & 3; }
  bool present() const { return low >> 47 & 1; }
  bool long_code() const { return low >> 53 & 1; }
  bool big() const { return low >> 54 & 1; }
  bool is_code() const { return is_segment() && (type() & 8); }
  bool is_conforming_code() const { return is_segment() && (type() & 12) == 12; }
  bool is_readable() const { return is_segment() && (!(type() & 8) || (type() & 2)); }
  bool is_writable_data() const { return is_segment() && !(type() & 8) && (type() & 2); }
  bool is_system(SystemType t) const { return !is_segment() && system_type() == t; }

  uint16_t gate_selector() const { return static_cast<uint16_t>(low >> 16); }
  uint64_t gate_offset() const { return (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32; }
  unsigned gate_parameters() const { return low >> 32 & 31; }
  unsigned gate_ist() const { return low >> 32 & 7; }
};

constexpr uint16_t kSelectorRpl = 3, kSelectorTi = 4;
inline bool is_null(uint16_t selector) { return (selector & ~kSelectorRpl) == 0; }
inline uint32_t selector_error(uint16_t selector) { return selector & 0xfffcu; }   // error code naming a selector [SDM 3A 6.13]
inline bool canonical(uint64_t linear) { return static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) == linear; }
inline bool segmented_by_paragraph(const Cpu& cpu) { return cpu.in_real_mode() || cpu.in_v86_mode(); }

// Visible and hidden part of a segment register loaded with `selector` from a descriptor.
Segment to_segment(const Descriptor& d, uint16_t selector);
Segment null_segment(uint16_t selector, unsigned dpl = 0);
Segment v86_segment(uint16_t selector);
// True if [offset, offset + size) lies within the limit [SDM 3A 5.3], expand-down segments included.
bool within_segment(const Segment& s, uint64_t offset, unsigned size);

// Linear address of the descriptor; false where the selector is null-table (no LDT) or beyond the table's limit. Raises nothing.
bool find_descriptor(const Cpu& cpu, uint16_t selector, unsigned bytes, uint64_t& address);
// Reads the low half; beyond the table's limit raises `bad` with the selector.
bool read_descriptor(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& out);
// In long mode, reads the upper half of a system descriptor: it must be within the limit and its type field 0; else `bad`.
bool read_upper_half(Cpu& cpu, uint16_t selector, Vector bad, Descriptor& d);
bool set_accessed(Cpu& cpu, Descriptor& d);
bool set_busy(Cpu& cpu, Descriptor& d, bool busy);   // of a TSS

// The checks of loading a data segment register / SS at privilege `cpl`, with `bad` raised for a wrong selector (#GP, or #TS during a
// stack or task switch). Nothing is changed but the accessed bit. In 64-bit mode SS may be null below CPL 3 if `null_ss_allowed`.
bool check_data_segment(Cpu& cpu, uint16_t selector, unsigned cpl, Vector bad, Segment& out);
bool check_stack_segment(Cpu& cpu, uint16_t selector, unsigned cpl, Vector bad, bool null_ss_allowed, Segment& out);

// MOV, POP, LxS to a segment register (never CS), in every mode. Loading SS may change the stack size: mode_changed() is called.
bool load_segment(Cpu& cpu, SegmentName name, uint16_t selector);
bool load_ldtr(Cpu& cpu, uint16_t selector, Vector bad);
bool load_task_register(Cpu& cpu, uint16_t selector);

// CS (or any register) as real mode loads it: base from the selector, limit and most rights stay [SDM 3A 20.1.1 and 9.9].
Segment real_mode_segment(const Segment& old, uint16_t selector);
Segment real_mode_code(const Segment& old, uint16_t selector);

// Power-up and reset state [SDM 3A table 9-1]. Memory and the controllers are not touched.
void reset(Cpu& cpu);

}  // namespace ringside::hw
